"""Fine-tuning the text model: the whole way from texts to a weights folder, on a tiny encoder made here."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from hearfelt.errors import CorpusError, OptionError
from hearfelt.labels import EKMAN7
from hearfelt.language.words.goemotions import EKMAN, LABELS
from hearfelt.language.words.text import TextModel
from hearfelt.types import Segment

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("sklearn")

from hearfelt.training.recipe import read  # noqa: E402
from hearfelt.training.words import quantise, release, tune  # noqa: E402
from hearfelt.training.words import scores as measures  # noqa: E402

WORDS = {
    "anger": "hate furious rage",
    "disgust": "disgusting vomit gross",
    "fear": "scared afraid terrified",
    "joy": "happy delighted joyful",
    "sadness": "sad crying lonely",
    "surprise": "wow unexpected suddenly",
    "neutral": "table office number",
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer BERT with random weights and its tokenizer."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    folder = tmp_path_factory.mktemp("encoder")
    pieces = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "é", "i", "am", "so", "the", "is"]
    pieces += " ".join(WORDS.values()).split()
    tokenizer = Tokenizer(models.WordPiece({p: i for i, p in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 3), ("[SEP]", 4)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(pieces),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=40,
    )
    transformers.BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


def splits() -> dict[str, tune.Split]:
    """Made sentences, one feeling each; some carry two labels."""
    rng = random.Random(0)
    found = {}
    for name, count in (("train", 280), ("dev", 140), ("test", 70)):
        texts, targets = [], np.zeros((count, len(LABELS)), np.float32)
        for row in range(count):
            feeling = list(WORDS)[row % 7]
            texts.append(f"i am so {rng.choice(WORDS[feeling].split())}")
            targets[row, LABELS.index(feeling)] = 1
            if feeling == "anger" and row % 2:
                targets[row, LABELS.index("annoyance")] = 1
        found[name] = tune.Split(tuple(texts), targets, np.arange(count))
    return found


def recipe(base: Path, **changes: object) -> tune.TextRecipe:
    values = {"base": str(base), "epochs": 3, "batch_size": 8, "max_tokens": 16, "learning_rate": 5e-3}
    values |= {"head_learning_rate": 2e-2, "bf16": False, "dropout": 0.0, **changes}
    return tune.TextRecipe(**values)


def test_the_whole_way_from_texts_to_a_weights_folder(base: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    words = tune.Words(recipe(base))
    data = splits()
    history = tune.fit(words, data, tmp_path)
    assert len(history) == 3
    assert history[-1]["loss"] < history[0]["loss"]
    words.restore(torch.load(tmp_path / "best.pt"))
    target = tmp_path / "weights"
    scores = release.release(words, data, target, tmp_path, "tiny.toml")
    assert scores["seven_accuracy"] > 0.9
    assert abs(scores["dev_macro_f1"] - scores["dev_macro_f1_torch_float32"]) < 0.05
    model = TextModel.load(target)
    evidence = model.predict([("i am so furious", Segment(0, 1))], "en")[0]
    assert evidence is not None and evidence.emotion.label == "anger"
    assert model.card["recipe"] == "tiny.toml"
    assert "| anger |" in (target / "CARD.md").read_text(encoding="utf-8")
    assert sorted(file.name for file in target.iterdir()) == [
        "CARD.md",
        "model.json",
        "model.onnx",
        "tokenizer.json",
    ]
    for name, count in (("dev", 140), ("test", 70)):
        held = np.load(tmp_path / f"{name}.npz")
        assert sorted(held) == ["goemotions_logits", "gold", "labels", "logits", "n_words", "text_index"]
        assert held["logits"].shape == (count, 7) and held["logits"].dtype == np.float32
        assert list(held["labels"]) == list(EKMAN7)
        assert held["gold"][0] == "anger" and held["n_words"][0] == 4
        np.testing.assert_allclose(np.exp(held["logits"]).sum(1), 1, atol=1e-5)


def test_the_exported_graph_is_the_torch_model(base: Path, tmp_path: Path) -> None:
    import onnxruntime

    words = tune.Words(recipe(base))
    state = words.state()
    sentences = ["i am so happy", "the table is sad sad sad", "wow"]
    expected = words.predict(sentences)
    for bits, apart in ((0, 1e-5), (8, 0.05), (7, 0.1)):
        file = tmp_path / f"{bits}.onnx"
        quantise.write(
            file,
            {key: value.numpy() for key, value in state["bert"].items()},
            {key: value.numpy() for key, value in state["head"].items()},
            layers=2,
            heads=2,
            max_tokens=16,
            bits=bits,
        )
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        for ids, logits in zip(words.encode(sentences), expected):
            got = session.run(None, {"input_ids": np.array([ids])})[0][0]
            np.testing.assert_allclose(got, logits, atol=apart)


def test_whole_numbers_stay_close_and_in_range() -> None:
    weight = np.random.default_rng(0).standard_normal((30, 5)).astype(np.float32)
    for bits in (7, 8):
        whole, scale = quantise.quantize(weight, 1, bits)
        assert whole.dtype == np.int8 and np.abs(whole).max() == 2 ** (bits - 1) - 1
        assert scale.shape == (1, 5)
        assert (np.abs(whole * scale - weight) <= scale / 2 + 1e-7).all()


def test_pieces_an_english_text_never_needs_are_dropped(base: Path) -> None:
    tokenizer, kept = tune.prune_vocabulary(base / "tokenizer.json")
    assert tokenizer.token_to_id("é") is None and tokenizer.token_to_id("[unused0]") is None
    assert len(kept) == tokenizer.get_vocab_size()
    encoded = tokenizer.encode("I am happy")
    assert encoded.tokens == ["[CLS]", "i", "am", "happy", "[SEP]"]
    assert encoded.ids == [tokenizer.token_to_id(token) for token in encoded.tokens]


def test_a_long_text_keeps_its_closing_token(base: Path) -> None:
    words = tune.Words(recipe(base))
    ids = words.encode(["sad " * 50])[0]
    assert len(ids) == 16 and ids[-1] == words.tokenizer.token_to_id("[SEP]")


def test_training_texts_take_the_shape_of_transcripts() -> None:
    rng = random.Random(0)
    plain = tune.TextRecipe(plain_share=1.0, named_share=0.0)
    assert tune.augment("Well, [NAME] — I DON'T know!", plain, rng) == "well [name] i don't know"
    assert tune.augment("!!!", plain, rng) == "!!!"
    named = tune.TextRecipe(plain_share=0.0, named_share=1.0)
    assert tune.augment("Hi [NAME]!", named, rng).split()[1].strip("!") in tune.NAMES
    assert tune.augment("Hi!", named, rng) == "Hi!"


def test_batches_hold_every_text_once_and_alike_lengths() -> None:
    lengths = [random.Random(i).randrange(3, 60) for i in range(1000)]
    cut = list(tune.batches(lengths, 16, random.Random(0)))
    assert sorted(i for batch in cut for i in batch) == list(range(1000))
    spread = [max(lengths[i] for i in b) - min(lengths[i] for i in b) for b in cut]
    assert np.mean(spread) < 5


def test_rare_labels_weigh_more_up_to_a_cap() -> None:
    targets = np.zeros((1000, 2), np.float32)
    targets[:500, 0] = 1
    targets[:1, 1] = 1
    weights = tune.positive_weight(targets, tune.TextRecipe(positive_power=0.25, positive_cap=5))
    assert weights[0] == pytest.approx(0.5**-0.25)
    assert weights[1] == 5


def test_thresholds_find_the_best_cut() -> None:
    rng = np.random.default_rng(0)
    truth = (rng.random((2000, 1)) < 0.1).astype(float)
    sure = np.clip(0.2 * truth + 0.05 + 0.02 * rng.standard_normal(truth.shape), 0, 1)
    cut = measures.thresholds(truth, sure)
    assert 0.1 < cut[0] < 0.2
    assert measures.f1(truth, sure > cut)[0] > 0.99


def test_f1_and_its_interval() -> None:
    truth = np.array([[1, 0], [1, 0], [0, 1], [0, 0]], float)
    guess = np.array([[1, 0], [0, 0], [1, 1], [0, 0]], float)
    np.testing.assert_allclose(measures.f1(truth, guess), [0.5, 1.0])
    low, high = measures.interval(np.tile(truth, (100, 1)), np.tile(guess, (100, 1)), draws=200)
    assert 0.65 < low < 0.75 < high < 0.85


def test_calibration_is_measured_and_mended() -> None:
    rng = np.random.default_rng(0)
    true = measures.softmax(rng.standard_normal((4000, 7)) * 1.5)
    gold = np.array([rng.choice(7, p=row) for row in true])
    sharp = np.log(true) * 1.6
    assert measures.ece(true, gold) < 0.03 < 0.1 < measures.ece(measures.softmax(sharp), gold)
    heat = measures.temperature(sharp, gold)
    assert heat == pytest.approx(1.6, rel=0.1)


def test_the_map_learns_and_rules_out_what_never_occurs() -> None:
    rng = np.random.default_rng(0)
    gold = rng.integers(0, 6, 600)  # class 6 never occurs
    logits = rng.standard_normal((600, 28))
    logits[np.arange(600), gold] += 6
    weights, bias = measures.fit_map(logits, gold, 1.0)
    sure = measures.softmax(logits @ weights + bias)
    assert (sure.argmax(1) == gold).mean() > 0.97
    assert sure[:, 6].max() < 1e-3
    crossed = measures.cross_fit_map(logits, gold, 1.0)
    assert 0.9 < (crossed.argmax(1) == gold).mean() <= (sure.argmax(1) == gold).mean()


def test_gold_is_the_one_group_a_text_lies_in() -> None:
    targets = np.zeros((3, 28))
    targets[0, [LABELS.index("anger"), LABELS.index("annoyance")]] = 1
    targets[1, [LABELS.index("anger"), LABELS.index("joy")]] = 1
    targets[2, LABELS.index("curiosity")] = 1
    assert list(measures.single_gold(targets)) == [EKMAN7.index("anger"), -1, EKMAN7.index("surprise")]
    assert EKMAN["curiosity"] == "surprise"


def test_the_published_recipe_is_read() -> None:
    file = Path(__file__).resolve().parents[2] / "recipes" / "words.toml"
    assert read(tune.TextRecipe, file).name == "goemotions"


def test_a_recipe_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    with pytest.raises(OptionError, match=r"there is no recipe .*a\.toml: see the folder recipes/"):
        read(tune.TextRecipe, file)
    file.write_text("epoch = 3")
    with pytest.raises(OptionError, match=r"unknown key in the recipe 'epoch'; known: name, version"):
        read(tune.TextRecipe, file)
    file.write_text("epochs 3")
    with pytest.raises(OptionError, match=r"is not valid TOML"):
        read(tune.TextRecipe, file)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no GoEmotions table at .*x\.parquet; set HEARFELT_DATA"):
        tune.load(tmp_path / "x.parquet")


def test_training_never_sees_a_held_out_text(data_dir: Path) -> None:
    found = tune.load(data_dir / "text" / "goemotions" / "goemotions.parquet")
    held_out = {*found["dev"].texts, *found["test"].texts}
    assert not held_out & set(found["train"].texts)
    assert (len(found["dev"].texts), len(found["test"].texts)) == (5426, 5427)
    assert len(found["train"].texts) > 43_000
