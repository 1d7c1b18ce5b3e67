"""The Transformer from nothing: what it masks, what it learns, what it writes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from hearfelt.errors import OptionError  # noqa: E402
from hearfelt.models import writers  # noqa: E402
from hearfelt.models.scratch import network as networks  # noqa: E402
from hearfelt.models.scratch.network import Scratch, ScratchOptions  # noqa: E402
from hearfelt.models.scratch.tokens import END, NO, YES, Vocabulary, of_json, words_of  # noqa: E402
from hearfelt.models.speech_llm import lm  # noqa: E402
from hearfelt.models.writer import probabilities  # noqa: E402
from hearfelt.models.written import Answer, Given, answer, centre  # noqa: E402

LABELS = ("anger", "fear", "neutral")
TINY = ScratchOptions(
    width=16, heads=2, stem=4, channels=(4, 8), words_layers=1, sound_layers=1, vocabulary=60
)


def made(options: ScratchOptions = TINY) -> tuple[Scratch, writers.Plan]:
    torch.manual_seed(0)
    vocabulary = Vocabulary(LABELS, ("a", "anger", "high", "voice"), options.multi_label)
    read = "" if options.hears == "sound" else lm.vocabulary(["leave me alone", "it is a table"], 60)
    plan = writers.scratch_plan(20, options, vocabulary, read)
    network = writers.build(plan)
    assert isinstance(network, Scratch)
    return network.eval(), plan


@pytest.mark.parametrize("hears", networks.HEARS)
def test_padding_and_neighbours_never_change_an_answer(hears: str) -> None:
    network, _ = made(dataclasses.replace(TINY, hears=hears))
    given = [Given("it is a table"), Given("leave me alone"), Given("", sound=False)]
    x = torch.randn(3, 60, 20)
    steps, lengths = network.hear(x, torch.tensor([21, 60, 30]))
    together = network.scores(steps, lengths, given)
    loud = torch.cat((x[:1, :21], torch.full((1, 19, 20), 7.0)), dim=1)
    alone = network.scores(*network.hear(loud, torch.tensor([21])), given[:1])
    torch.testing.assert_close(together[:1], alone, atol=1e-5, rtol=0)
    silent = network.scores(*network.hear(x[:1] + 3, torch.tensor([60])), given[2:])
    torch.testing.assert_close(together[2:], silent, atol=1e-5, rtol=0)
    torch.testing.assert_close(probabilities(together).sum(dim=1), torch.ones(3))


def test_the_loss_of_the_label_is_its_likelihood() -> None:
    network, _ = made()
    steps, lengths = network.hear(torch.randn(2, 40, 20), torch.tensor([40, 31]))
    given, said = [Given()] * 2, [answer([label], (None,) * 3, cues=["a high voice"]) for label in LABELS[:2]]
    label, rest = network.losses(steps, lengths, given, said)
    scores = network.scores(steps, lengths, given)
    torch.testing.assert_close(-label, torch.stack((scores[0, 0], scores[1, 1])), atol=1e-5, rtol=0)
    alone = network.losses(steps[1:], lengths[1:], given[1:], said[1:])[1]
    torch.testing.assert_close(rest[1:], alone, atol=1e-5, rtol=0)


def test_several_labels_are_asked_one_by_one() -> None:
    network, _ = made(dataclasses.replace(TINY, multi_label=True))
    steps, lengths = network.hear(torch.randn(2, 40, 20), torch.tensor([40, 31]))
    scores = network.scores(steps, lengths, [Given()] * 2)
    said = [Answer(("anger", "neutral")), Answer(())]
    label, _ = network.losses(steps, lengths, [Given()] * 2, said)
    truth = torch.tensor([[1.0, 0, 1], [0, 0, 0]])
    expected = torch.nn.functional.binary_cross_entropy_with_logits(scores, truth, reduction="none").mean(
        dim=1
    )
    torch.testing.assert_close(label, expected, atol=1e-5, rtol=0)
    for one, row in zip(network.write(steps, lengths, [Given()] * 2), scores > 0, strict=True):
        assert one.labels == tuple(name for name, yes in zip(LABELS, row.tolist(), strict=True) if yes)


def test_tokens_go_there_and_back() -> None:
    words = words_of(["strong anger, a high voice", "fear"])
    assert words == (",", "a", "anger", "fear", "high", "strong", "voice")
    vocabulary = Vocabulary(LABELS, words)
    said = Answer(("fear",), (4, 0, 2), "strong anger, a high voice")
    tokens = vocabulary.rest_tokens(said, True, True)
    assert tokens[-1] == END and max(tokens) < vocabulary.size
    assert vocabulary.read_back(tokens) == (said.levels, said.caption)
    assert vocabulary.rest_tokens(dataclasses.replace(said, levels=(None, 0, 2)), True, False)[0] == -1
    assert Vocabulary(LABELS, (), True).label_tokens(["fear"]) == [NO, YES, NO]
    assert of_json(vocabulary.to_json()) == vocabulary


def test_a_saved_network_is_read_again(tmp_path: Path) -> None:
    network, plan = made(dataclasses.replace(TINY, hears="both"))
    torch.save(writers.packed(network, plan), tmp_path / writers.FILE)
    again, found = writers.load(tmp_path)
    assert found == plan | {"network": {**plan["network"], "channels": [4, 8]}}
    given = [Given("leave me alone")]
    steps, lengths = network.hear(torch.randn(1, 40, 20), torch.tensor([40]))
    torch.testing.assert_close(again.scores(steps, lengths, given), network.scores(steps, lengths, given))
    assert again.write(steps, lengths, given) == network.write(steps, lengths, given)


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(OptionError, match="unknown hears 'all'; known: sound, words, both"):
        ScratchOptions(hears="all")
    with pytest.raises(OptionError, match="width=20, heads=4: the width must be a multiple of 8"):
        ScratchOptions(width=20)
    with pytest.raises(OptionError, match="decoder_layers=0"):
        ScratchOptions(decoder_layers=0)


def test_onnx_gives_what_torch_gives(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    from hearfelt.training import export
    from hearfelt.training.written.model import Spoken

    network, _ = made()
    spoken = Spoken(network, 20)
    assert export.export(spoken, tmp_path / "model.onnx") < 1e-4  # type: ignore[arg-type]
    x, lengths = torch.randn(2, 40, 20), torch.tensor([40, 31])
    scores, rated = spoken.answers(x, lengths)
    steps = network.hear(x, lengths)
    torch.testing.assert_close(scores, network.scores(*steps, [Given()] * 2))
    said = network.write(*steps, [Given()] * 2)
    assert rated is not None
    expected = [[centre(place or 0) for place in one.levels] for one in said]
    torch.testing.assert_close(rated, torch.tensor(expected))
