"""The causal language model: any Hugging Face folder with LoRA, or a small one with random weights."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hearfelt.errors import MissingExtraError, ModelError, OptionError
from hearfelt.features.encoders import quiet

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import nn

SPECIAL = ("<pad>", "<unk>", "<bos>", "<eos>")


@dataclass(frozen=True)
class LmOptions:
    """Which language model.

    Args:
        source: folder with a causal language model and its tokenizer as transformers saves them (or a name
            that transformers knows); empty: a small one with random weights whose words are those of the
            training data.
        lora_rank, lora_alpha: size and scale of the adapters (LoRA, Hu et al., arXiv:2106.09685) on all
            linear layers of a model with weights, which itself stays as it is; a rank of 0 leaves it at that.
            A model with random weights learns whole.
        bf16_weights: keep the frozen weights of a folder in bfloat16: half the memory.
        width, layers, heads: size of the random one.
        dropout: of the random one's attention, and on its inputs.
        vocabulary: most words the random one knows.
    """

    source: str = ""
    lora_rank: int = 8
    lora_alpha: int = 16
    bf16_weights: bool = False
    width: int = 128
    layers: int = 2
    heads: int = 4
    dropout: float = 0.1
    vocabulary: int = 8000

    def __post_init__(self) -> None:
        if min(self.width, self.layers, self.heads) < 1 or self.width % (2 * self.heads):
            raise OptionError(
                f"width={self.width}, layers={self.layers}, heads={self.heads}: each 1 or more, the width a "
                f"multiple of {2 * max(self.heads, 1)}"
            )
        if self.lora_rank < 0 or self.vocabulary < 50:
            raise OptionError(
                f"lora_rank={self.lora_rank}, vocabulary={self.vocabulary}: a rank from 0, 50 words or more"
            )


class Words:
    """Texts to token numbers and back.

    Args:
        tokenizer: of transformers or of tokenizers.
        bos: first token of a sequence, None where the model has none.
        eos: last token of an answer.
        json: the tokenizer as its own JSON, for one that was made here; else empty.
    """

    def __init__(self, tokenizer: Any, bos: int | None, eos: int, json: str = "") -> None:
        self._tokenizer, self.bos, self.eos, self.json = tokenizer, bos, eos, json
        self._kept: dict[str, list[int]] = {}

    @property
    def size(self) -> int:
        """Numbers of tokens run from 0 to below this."""
        found = getattr(self._tokenizer, "get_vocab_size", None)
        return int(found()) if found else len(self._tokenizer)

    def encode(self, text: str) -> list[int]:
        """Token numbers of a text."""
        found = self._kept.get(text)
        if found is None:
            coded = self._tokenizer.encode(text, add_special_tokens=False)
            found = list(coded if isinstance(coded, list) else coded.ids)
            if len(self._kept) < 100_000:
                self._kept[text] = found
        return found

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of token numbers."""
        return str(self._tokenizer.decode(list(numbers), skip_special_tokens=True))


def vocabulary(texts: Iterable[str], most: int) -> str:
    """A tokenizer of whole words in lower case and punctuation, the most frequent first, as JSON."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordLevelTrainer(vocab_size=most, special_tokens=list(SPECIAL), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return str(tokenizer.to_str())


def made_words(json: str) -> Words:
    """The tokenizer that `vocabulary` made."""
    from tokenizers import Tokenizer

    tokenizer: Tokenizer = Tokenizer.from_str(json)
    return Words(tokenizer, SPECIAL.index("<bos>"), SPECIAL.index("<eos>"), json)


def load(options: LmOptions, json: str = "") -> tuple[nn.Module, Words]:
    """The language model and its tokenizer.

    Args:
        json: the vocabulary of a random one, by `vocabulary`.

    Raises:
        MissingExtraError: transformers (or peft, for LoRA) is not installed.
        ModelError: no such folder, no causal language model in it, or one that takes no embeddings.
    """
    try:
        import transformers
    except ImportError:
        raise MissingExtraError("a speech-LLM", "transformers", "train") from None
    if not options.source:
        return _random(options, json, transformers)
    return _stored(options, transformers)


def _random(options: LmOptions, json: str, transformers: Any) -> tuple[nn.Module, Words]:
    words = made_words(json)
    config = transformers.LlamaConfig(
        vocab_size=words.size,
        hidden_size=options.width,
        intermediate_size=2 * options.width,
        num_hidden_layers=options.layers,
        num_attention_heads=options.heads,
        num_key_value_heads=options.heads,
        max_position_embeddings=2048,
        attention_dropout=options.dropout,
        tie_word_embeddings=True,
        pad_token_id=SPECIAL.index("<pad>"),
        bos_token_id=words.bos,
        eos_token_id=words.eos,
    )
    return transformers.LlamaForCausalLM(config), words


def _stored(options: LmOptions, transformers: Any) -> tuple[nn.Module, Words]:
    import torch

    source = options.source
    if ("/" not in source or Path(source).is_absolute() or source.startswith(".")) and not Path(
        source
    ).is_dir():
        raise ModelError(
            f"there is no language model {source}: give a folder with config.json, weights and tokenizer, as "
            "transformers saves them, or leave lm.source empty for a small one with random weights"
        )
    kind = torch.bfloat16 if options.bf16_weights else torch.float32
    try:
        with quiet():
            model = transformers.AutoModelForCausalLM.from_pretrained(source, dtype=kind)
        tokenizer = transformers.AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError) as error:
        first = (str(error).strip() or repr(error)).splitlines()[0]
        raise ModelError(f"{source} holds no causal language model that can be loaded: {first}") from None
    _check(model, source)
    if tokenizer.eos_token_id is None:
        raise ModelError(f"the tokenizer of {source} has no end token: name one in its tokenizer_config.json")
    model.requires_grad_(False)
    if options.lora_rank:
        _adapt(model, options)
    return model, Words(tokenizer, tokenizer.bos_token_id, int(tokenizer.eos_token_id))


def _check(model: Any, source: str) -> None:
    """Refuse a model into which no sound can be put."""
    try:
        found = model.get_input_embeddings()
    except (NotImplementedError, AttributeError):
        found = None
    if found is None or getattr(found, "weight", None) is None:
        raise ModelError(
            f"the language model {source} has no table of input embeddings, so that no sound can be put "
            "between its words: take another causal language model"
        )


def _adapt(model: Any, options: LmOptions) -> None:
    try:
        import peft
    except ImportError:
        raise MissingExtraError("LoRA on a language model", "peft", "train") from None
    adapters = peft.LoraConfig(
        r=options.lora_rank, lora_alpha=options.lora_alpha, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    with warnings.catch_warnings():
        # GPT-2's layers hold their weights the other way round, which peft sees by itself and says aloud.
        warnings.filterwarnings("ignore", "fan_in_fan_out is set to False")
        peft.inject_adapter_in_model(adapters, model)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in name)
