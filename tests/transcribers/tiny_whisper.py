"""A Whisper model of a few kilobytes with random weights, converted for faster-whisper as a real one is."""

from __future__ import annotations

import itertools
import json
from pathlib import Path


def make(folder: Path) -> Path:
    """Writes the model to a folder and returns it."""
    import torch
    from ctranslate2.converters import TransformersConverter
    from faster_whisper.tokenizer import _LANGUAGE_CODES
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import (
        GenerationConfig,
        PreTrainedTokenizerFast,
        WhisperConfig,
        WhisperForConditionalGeneration,
    )

    codes = sorted(_LANGUAGE_CODES)
    tasks = ("translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps")
    names = ["endoftext", "startoftranscript", *codes, *tasks]
    names += [f"{step * 0.02:.2f}" for step in range(1501)]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    spoken = ("Ġ" + "".join(parts) for parts in itertools.product("bdgklmnprst", "aeiou", "lmnrst", "aeiou"))
    tokens = [*letters, *spoken, ""]  # the empty token tells ctranslate2 that the model knows many languages
    tokenizer = Tokenizer(models.BPE({token: n for n, token in enumerate(tokens)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(f"<|{name}|>", special=True) for name in names])
    number = {name: tokenizer.token_to_id(f"<|{name}|>") for name in names}

    torch.manual_seed(3)
    config = WhisperConfig(
        vocab_size=tokenizer.get_vocab_size(),
        d_model=16,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        bos_token_id=number["endoftext"],
        eos_token_id=number["endoftext"],
        pad_token_id=number["endoftext"],
        decoder_start_token_id=number["startoftranscript"],
    )
    model = WhisperForConditionalGeneration(config).eval()
    model.generation_config = GenerationConfig(
        suppress_tokens=[],
        begin_suppress_tokens=[number["endoftext"]],
        alignment_heads=[[1, 0], [1, 1]],
        lang_to_id={f"<|{code}|>": number[code] for code in codes},
        eos_token_id=number["endoftext"],
        pad_token_id=number["endoftext"],
        decoder_start_token_id=number["startoftranscript"],
    )
    source = folder / "source"
    model.save_pretrained(source)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>").save_pretrained(source)
    (source / "preprocessor_config.json").write_text(
        json.dumps(
            {"feature_size": 80, "sampling_rate": 16000, "hop_length": 160, "n_fft": 400, "chunk_length": 30}
        )
    )
    target = folder / "tiny"
    copied = ["tokenizer.json", "preprocessor_config.json"]
    TransformersConverter(str(source), copy_files=copied).convert(str(target), quantization="int8")
    return target
