"""The figures of the page are those that the benchmark saved."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_the_page_tells_the_saved_figures() -> None:
    saved = json.loads((ROOT / "benchmarks/results/speech_llm.json").read_text(encoding="utf-8"))
    page = (ROOT / "docs/language.md").read_text(encoding="utf-8")
    section = page.partition("\n## Speech in the language model\n")[2].partition("\n## ")[0]
    ravdess = ("best_other_ravdess", "scratch_ravdess", "speech_llm_ravdess")
    for name in (*ravdess, "best_other_ravdess_longer", "scratch_ravdess_longer"):
        assert f"{100 * saved[name]['mean_over_folds']['ua']:.1f} [" in section, name
        assert (ROOT / saved[name]["command"].split()[2]).is_file()
    for name in ("best_other_emodb", "scratch_emodb", "speech_llm_emodb", "speech_llm_begun_emodb"):
        assert f"{100 * saved[name]['pooled']['uar']:.1f} [" in section, name
    for name in ("joint_uar", "joint_voice_uar", "joint_words_uar", "voice_alone_uar", "words_alone_uar"):
        assert f"{100 * saved['joint'][name]:.1f} [" in section, name
    assert saved["joint"]["joint_uar"] > max(
        saved["joint"]["voice_alone_uar"], saved["joint"]["words_alone_uar"]
    )
