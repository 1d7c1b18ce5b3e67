"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, from = document) => Array.from(from.querySelectorAll(selector));
  const one = (selector) => document.querySelector(selector);
  all(".needs-js").forEach((node) => { node.hidden = false; });

  // Theme: the system's, until the reader chooses. Storage may be closed for files: then the choice is not kept.
  const keep = (value) => { try { localStorage.setItem("hearfelt-theme", value); } catch { /* not kept */ } };
  const kept = () => { try { return localStorage.getItem("hearfelt-theme"); } catch { return null; } };
  const dark = () => root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  if (kept() === "dark" || kept() === "light") root.dataset.theme = kept();
  one("#theme").addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    keep(root.dataset.theme);
  });

  const canvas = one("#canvas");
  const rows = all(".u");
  const marks = all(".m");
  const markOf = new Map(marks.map((mark) => [mark.hash.slice(1), mark]));

  // From a mark to its utterance: open it, show it, tell the keyboard.
  const jump = (id) => {
    const row = document.getElementById(id);
    if (!row) return;
    if (row.hidden) reset();
    const fold = row.querySelector("details");
    fold.open = true;
    rows.forEach((other) => other.classList.toggle("hit", other === row));
    row.scrollIntoView({ block: "center" });
    fold.querySelector("summary").focus({ preventScroll: true });
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#u"]');
    if (!link || !document.getElementById(link.hash.slice(1))?.matches(".u")) return;
    event.preventDefault();
    history.replaceState(null, "", link.hash);
    jump(link.hash.slice(1));
  });
  if (/^#u\d+$/.test(location.hash)) jump(location.hash.slice(1));

  // One tab stop a ribbon; the arrow keys move along.
  all(".ribbon").forEach((ribbon) => {
    const own = all(".m", ribbon);
    own.forEach((mark, i) => { mark.tabIndex = i ? -1 : 0; });
    ribbon.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, Home: -own.length, End: own.length }[event.key];
      const at = own.indexOf(document.activeElement);
      if (!step || at < 0) return;
      event.preventDefault();
      own[at].tabIndex = -1;
      const next = own[Math.max(0, Math.min(own.length - 1, at + step))];
      next.tabIndex = 0;
      next.focus();
    });
  });

  if (canvas) {
    const tip = one("#tip");
    const cross = one(".cross");
    const show = (mark) => {
      const row = document.getElementById(mark.hash.slice(1));
      const head = document.createElement("b");
      head.textContent = mark.getAttribute("aria-label");
      const words = row.querySelector(".words").textContent;
      tip.replaceChildren(head, words.length > 160 ? `${words.slice(0, 160)}…` : words);
      tip.hidden = false;
      const box = mark.getBoundingClientRect();
      const left = Math.max(8, Math.min(innerWidth - tip.offsetWidth - 8, box.left + box.width / 2 - tip.offsetWidth / 2));
      tip.style.left = `${left}px`;
      tip.style.top = `${box.bottom + 8 + tip.offsetHeight > innerHeight ? box.top - tip.offsetHeight - 8 : box.bottom + 8}px`;
    };
    const hide = () => { tip.hidden = true; };
    for (const kind of ["pointerover", "focusin"]) {
      canvas.addEventListener(kind, (event) => {
        const mark = event.target.closest(".m");
        if (mark) show(mark); else hide();
      });
    }
    canvas.addEventListener("focusout", hide);
    canvas.addEventListener("pointermove", (event) => {
      cross.hidden = event.pointerType === "touch";
      cross.style.left = `${event.clientX - canvas.getBoundingClientRect().left}px`;
    });
    canvas.addEventListener("pointerleave", () => { hide(); cross.hidden = true; });
    addEventListener("scroll", hide, { passive: true });
    addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });

    const scroll = one("#scroll");
    all("[data-zoom]").forEach((button) => button.addEventListener("click", () => {
      const middle = (scroll.scrollLeft + scroll.clientWidth / 2) / canvas.offsetWidth;
      canvas.style.setProperty("--zoom", button.dataset.zoom);
      canvas.dataset.zoom = button.dataset.zoom;
      all(".zoom button").forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
      scroll.tabIndex = button.dataset.zoom === "1" ? -1 : 0;
      scroll.scrollLeft = middle * canvas.offsetWidth - scroll.clientWidth / 2;
    }));
  }

  const talk = one(".talk");
  if (!talk) return;
  const light = (event, on) => {
    const row = event.target.closest(".u");
    if (row) markOf.get(row.id)?.classList.toggle("on", on);
  };
  for (const kind of ["pointerover", "focusin"]) talk.addEventListener(kind, (event) => light(event, true));
  for (const kind of ["pointerout", "focusout"]) talk.addEventListener(kind, (event) => light(event, false));

  // Filters: within a group any of the chosen, between groups all of them.
  const chips = all(".chip");
  const find = one("#find");
  const count = one("#count");
  const texts = rows.map((row) => row.querySelector(".words").textContent.toLocaleLowerCase());
  const filter = () => {
    const chosen = { s: new Set(), e: new Set(), x: new Set() };
    chips.forEach((chip) => {
      if (chip.getAttribute("aria-pressed") === "true") chosen[chip.dataset.group].add(chip.dataset.value);
    });
    const asked = find.value.trim().toLocaleLowerCase();
    let shown = 0;
    rows.forEach((row, i) => {
      const fits = Object.entries(chosen).every(([group, set]) => !set.size || set.has(row.dataset[group]))
        && (!asked || texts[i].includes(asked));
      row.hidden = !fits;
      markOf.get(row.id)?.classList.toggle("off", !fits);
      shown += fits;
    });
    count.textContent = count.dataset.text.replace("{n}", shown).replace("{m}", rows.length);
  };
  const reset = () => {
    chips.forEach((chip) => chip.setAttribute("aria-pressed", "false"));
    find.value = "";
    filter();
  };
  chips.forEach((chip) => chip.addEventListener("click", () => {
    chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
    filter();
  }));
  find.addEventListener("input", filter);
  one(".filters").addEventListener("submit", (event) => event.preventDefault());
  filter();

  const unfold = one("#unfold");
  unfold.addEventListener("click", () => {
    const open = unfold.textContent === unfold.dataset.unfold;
    rows.forEach((row) => { if (!row.hidden) row.querySelector("details").open = open; });
    unfold.textContent = open ? unfold.dataset.fold : unfold.dataset.unfold;
  });
})();
