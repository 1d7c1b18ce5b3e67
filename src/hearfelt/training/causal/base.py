"""The causal language model below the adapters: found, checked, loaded, named by a hash of its weights."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from hearfelt.errors import MissingExtraError, ModelError

if TYPE_CHECKING:
    from torch import nn

_WEIGHTS = ("*.safetensors", "*.bin")


@dataclass(frozen=True, eq=False)
class Base:
    """A loaded language model.

    Args:
        name: as it was asked for.
        model, tokenizer: of transformers.
        architecture: the model's class.
        longest: tokens it can read; None where it does not say.
        hash: of configuration and weights.
    """

    name: str
    model: nn.Module
    tokenizer: Any
    architecture: str
    longest: int | None
    hash: str

    @property
    def pad(self) -> int:
        """The id that fills up a batch; it is masked, so any will do."""
        known = (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id, 0)
        return int(next(one for one in known if one is not None))


def load(name: str, precision: str = "auto") -> Base:
    """A model by folder or name, in evaluation mode.

    Args:
        precision: see `CausalOptions.precision`.

    Raises:
        MissingExtraError: transformers is not installed.
        ModelError: no such model, one that is not causal, or a broken one.
    """
    if not name:
        raise ModelError(
            "no base is named: set model.base to a folder of a Hugging Face causal language model or to its "
            "name, such as --set model.base=models/qwen2.5-0.5b"
        )
    try:
        from safetensors import SafetensorError
        from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
    except ImportError:
        raise MissingExtraError("training a language model", "transformers", "train") from None
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL

    folder = Path(name)
    if not folder.is_dir() and (name.startswith((".", "/", "~")) or name.count("/") > 1):
        raise ModelError(
            f"there is no folder {name}: name a folder with config.json, weights and tokenizer, or a model "
            "of the Hugging Face hub"
        )
    try:
        config = AutoConfig.from_pretrained(name)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"{name} is no language model that can be loaded ({_first(error)}): name a folder with "
            "config.json, weights and tokenizer, or a model of the Hugging Face hub"
        ) from None
    written = list(config.architectures or [])
    if config.model_type not in CAUSAL or (
        written and not any("CausalLM" in one or "LMHead" in one for one in written)
    ):
        raise ModelError(
            f"{name} is no causal language model ({', '.join(written) or config.model_type}): take one that "
            "writes text, such as a Llama, a Qwen or a GPT"
        )
    wide = precision == "bfloat16" or (precision == "auto" and torch.cuda.is_available())
    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
        model: Any = AutoModelForCausalLM.from_pretrained(
            name, dtype=torch.bfloat16 if wide else torch.float32, use_safetensors=None
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"the language model {name} is broken ({_first(error)}): load it again") from None
    model.eval()
    longest = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    return Base(name, model, tokenizer, type(model).__name__, longest, _hash(name, config))


def _hash(name: str, config: Any) -> str:
    """sha256 of configuration and weights of a folder; of a model of the hub the commit it came from."""
    folder = Path(name)
    if not folder.is_dir():
        return f"commit:{getattr(config, '_commit_hash', None) or 'unknown'}"
    digest = hashlib.sha256()
    files = [folder / "config.json", *sorted(file for kind in _WEIGHTS for file in folder.glob(kind))]
    for file in files:
        digest.update(file.name.encode())
        with file.open("rb") as stream:
            while part := stream.read(1 << 22):
                digest.update(part)
    return f"sha256:{digest.hexdigest()}"


def _first(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0].rstrip(".")[:200]
