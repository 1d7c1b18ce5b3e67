"""The speech-LLM: what is masked, what is learnt, what a label's likelihood is."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from hearfelt.errors import ModelError, OptionError  # noqa: E402
from hearfelt.models import writers  # noqa: E402
from hearfelt.models.networks.table import build as trunk  # noqa: E402
from hearfelt.models.speech_llm import adapters, lm, prompt  # noqa: E402
from hearfelt.models.speech_llm.adapters import AdapterOptions  # noqa: E402
from hearfelt.models.speech_llm.lm import LmOptions  # noqa: E402
from hearfelt.models.speech_llm.network import SpeechLlm  # noqa: E402
from hearfelt.models.speech_llm.prompt import PromptOptions  # noqa: E402
from hearfelt.models.speech_llm.sound import SoundOptions  # noqa: E402
from hearfelt.models.writer import probabilities  # noqa: E402
from hearfelt.models.written import Answer, Given, answer, centre, level  # noqa: E402

LABELS = ("anger", "fear", "neutral", "sadness")
READS = PromptOptions(words=True, cues=True, caption=True)


def made(options: LmOptions | None = None, **more: Any) -> SpeechLlm:
    torch.manual_seed(1)
    options = options or LmOptions(width=16, layers=1, heads=2)
    said = ["leave me alone", "it is a table", "a high voice", "normal anger"]
    words = "" if options.source else lm.vocabulary([*said, *prompt.texts(LABELS, READS)], 200)
    plan = writers.speech_llm_plan(
        20,
        SoundOptions(kind="cnn", options={"channels": (4, 8), "width": 8, "pooling": "mean"}, frozen=False),
        more.get("adapter", AdapterOptions(width=8, stride=2, heads=2)),
        options,
        more.get("prompt", READS),
        LABELS,
        words,
    )
    network = writers.build(plan)
    assert isinstance(network, SpeechLlm)
    network.plan = plan  # type: ignore[assignment]
    return network.eval()


def heard(network: SpeechLlm, lengths: list[int], seed: int = 0) -> tuple[Any, Any]:
    torch.manual_seed(seed)
    x = torch.randn(len(lengths), max(lengths), 20)
    return network.hear(x, torch.tensor(lengths))


def test_levels_and_their_centres() -> None:
    assert [level(v) for v in (-1.0, -0.61, -0.2, 0.0, 0.3, 1.0)] == [0, 0, 2, 2, 3, 4]
    assert [round(centre(place), 1) for place in range(5)] == [-0.8, -0.4, 0.0, 0.4, 0.8]
    rated = answer(["anger"], (0.9, None, -1.0), intensity="strong", cues=["a high voice"])
    assert rated == Answer(("anger",), (4, None, 0), "strong anger, a high voice")
    assert answer(["anger"], (None,) * 3, caption=False).levels == (3, 1, 3), "the published coordinates"
    assert answer(["calm"], (None,) * 3).levels == (None, None, None), "none are published for calm"


@pytest.mark.parametrize("kind", adapters.ADAPTERS)
def test_padding_never_changes_an_adapter(kind: str) -> None:
    torch.manual_seed(0)
    adapter = adapters.build(6, 10, AdapterOptions(kind=kind, width=8, heads=2, queries=3)).eval()
    x = torch.randn(2, 13, 6)
    alone, count = adapter(x[:1, :9], torch.tensor([9]))
    both, counts = adapter(x, torch.tensor([9, 13]))
    assert counts.tolist() == ([3, 4] if kind == "conv" else [3, 3]) and count[0] == counts[0]
    torch.testing.assert_close(both[:1, : count[0]], alone[:, : count[0]], atol=1e-5, rtol=0)
    assert adapter(x, torch.tensor([0, 13]))[1][0] == 0, "no sound, no embedding"


@pytest.mark.parametrize("pretrained", [False, True])
def test_padding_and_neighbours_never_change_an_answer(pretrained: bool, lm_folder: Path) -> None:
    network = made(LmOptions(source=str(lm_folder), lora_rank=2) if pretrained else None)
    given = [Given("it is a table"), Given("leave me alone it is", ("a high voice",)), Given(sound=False)]
    torch.manual_seed(0)
    x = torch.randn(3, 60, 20)
    together = network.scores(*network.hear(x, torch.tensor([21, 60, 30])), given)
    loud = torch.cat((x[:1, :21], torch.full((1, 19, 20), 7.0)), dim=1)
    alone = network.scores(*network.hear(loud, torch.tensor([21])), given[:1])
    torch.testing.assert_close(together[:1], alone, atol=1e-4, rtol=0)
    unheard = network.scores(*network.hear(x[:1] + 3, torch.tensor([60])), given[2:])
    torch.testing.assert_close(together[2:], unheard, atol=1e-4, rtol=0)
    p = probabilities(together)
    torch.testing.assert_close(p.sum(dim=1), torch.ones(3))


@torch.no_grad()
def test_the_likelihood_of_a_label_is_that_of_its_tokens(lm_folder: Path) -> None:
    """Scores of labels that are spelt in letters, against one pass of the language model a label by hand."""
    network = made(LmOptions(source=str(lm_folder), lora_rank=2), prompt=PromptOptions())
    assert len(network.spelt[0]) == len(" anger")
    steps, lengths = heard(network, [25])
    found = network.scores(steps, lengths, [Given()])[0]
    sound, counts = network._sound(steps, lengths, [Given()])
    table = network.language.get_input_embeddings()
    ask = network.words.encode(prompt.after_sound(Given(), network.options))
    for label, score in zip(LABELS, found, strict=True):
        ids = network.words.encode(f" {label}")
        parts = (network.words.encode(network.options.before), ask, ids)
        text = [table(torch.tensor([one])) for one in parts]
        whole = torch.cat((text[0], sound[:, : counts[0]], text[1], text[2]), dim=1)
        logits = network.language(inputs_embeds=whole).logits[0].log_softmax(dim=1)
        by_hand = sum(logits[whole.shape[1] - len(ids) - 1 + n, token] for n, token in enumerate(ids))
        assert float(score) == pytest.approx(float(by_hand), abs=1e-4)


def test_only_the_answer_has_a_loss() -> None:
    network = made()
    steps, lengths = heard(network, [30, 22])
    given = [Given("leave me alone"), Given("it is a table")]
    said = [answer(["anger"], (None,) * 3, intensity="normal"), answer(["calm"], (None,) * 3)]
    said[1] = dataclasses.replace(said[1], labels=("neutral",))
    label, rest = network.losses(steps, lengths, given, said)
    scores = network.scores(steps, lengths, given)
    torch.testing.assert_close(-label, torch.stack((scores[0, 0], scores[1, 2])), atol=1e-4, rtol=0)
    alone = network.losses(steps[:1], lengths[:1], given[:1], said[:1])
    torch.testing.assert_close(rest[:1], alone[1], atol=1e-4, rtol=0)


def test_lora_alone_learns_and_alone_is_kept(lm_folder: Path) -> None:
    network = made(LmOptions(source=str(lm_folder), lora_rank=2))
    learnt = [name for name, p in network.language.named_parameters() if p.requires_grad]
    assert learnt and all("lora_" in name for name in learnt)
    kept = writers.state(network)
    assert all("lora_" in name for name in kept if name.startswith("language."))
    assert any(name.startswith("adapter.") for name in kept) and any(
        name.startswith("sound.") for name in kept
    )
    whole = made()
    assert any(name.startswith("language.model.embed_tokens") for name in writers.state(whole))


def test_a_saved_model_is_read_again(lm_folder: Path, tmp_path: Path) -> None:
    for number, options in enumerate((None, LmOptions(source=str(lm_folder), lora_rank=2))):
        network = made(options)
        torch.nn.init.normal_(network.adapter.project.weight)
        folder = tmp_path / str(number)
        folder.mkdir()
        torch.save(writers.packed(network, network.plan), folder / writers.FILE)  # type: ignore[arg-type]
        again, _ = writers.load(folder)
        given = [Given("it is a table")]
        steps, lengths = heard(network, [30])
        torch.testing.assert_close(again.scores(steps, lengths, given), network.scores(steps, lengths, given))
        assert again.write(steps, lengths, given) == network.write(steps, lengths, given)


def test_what_was_written_is_read_back() -> None:
    said = Answer(("anger",), (3, 1, 4), "strong anger, a high voice")
    text = prompt.rest(said, READS)
    assert text == " . arousal high , valence low , dominance very high . strong anger, a high voice"
    assert prompt.read_back(text) == ((3, 1, 4), "strong anger, a high voice")
    assert prompt.read_back("") == ((None, None, None), "")
    assert prompt.rest(dataclasses.replace(said, levels=(None, 1, 2)), PromptOptions()) == ""


def test_what_cannot_be_is_one_sentence(
    lm_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        ModelError, match=r"there is no language model .*nowhere: give a folder with config.json"
    ):
        made(LmOptions(source=str(tmp_path / "nowhere")))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="holds no causal language model that can be loaded"):
        made(LmOptions(source=str(tmp_path / "empty")))
    import transformers

    def none(self: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(transformers.GPT2Model, "get_input_embeddings", none)
    monkeypatch.setattr(transformers.GPT2LMHeadModel, "get_input_embeddings", none)
    with pytest.raises(ModelError, match="has no table of input embeddings, so that no sound can be put"):
        made(LmOptions(source=str(lm_folder), lora_rank=0))
    monkeypatch.undo()
    with pytest.raises(ModelError, match=r"there is no network.pt in .*: train the model first"):
        writers.load(tmp_path)
    with pytest.raises(OptionError, match="unknown adapter 'pool'; known: conv, query"):
        AdapterOptions(kind="pool")
    with pytest.raises(OptionError, match="1, 2, 4 or 8 steps become one embedding"):
        AdapterOptions(stride=3)
    with pytest.raises(OptionError, match="a rank from 0, 50 words or more"):
        LmOptions(lora_rank=-1)
    words = lm.made_words(lm.vocabulary(["a b"], 50))
    language, _ = lm.load(LmOptions(width=16, layers=1, heads=2), words.json)
    with pytest.raises(
        OptionError, match=r"spells two of the labels joy, awe alike: rename them by data.relabel"
    ):
        SpeechLlm(trunk("cnn", 20), language, words, ("joy", "awe"), AdapterOptions(), PromptOptions())
