"""Speech encoders with random weights, small enough to make in a test, of the real architectures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SIZE: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "conv_dim": (8, 8, 8),
    "conv_kernel": (10, 8, 8),
    "conv_stride": (8, 8, 5),
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
TYPES = ("wav2vec2", "hubert", "wavlm", "data2vec-audio", "whisper")
WIDTH, LAYERS = 16, 2


def save(kind: str, folder: Path, seed: int = 0) -> Path:
    """Write an encoder of a type as transformers saves it; returns the folder."""
    import torch
    import transformers

    torch.manual_seed(seed)
    if kind == "whisper":
        config: Any = transformers.WhisperConfig(
            d_model=16,
            encoder_layers=2,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=24,
            decoder_ffn_dim=24,
            max_source_positions=100,
            num_mel_bins=80,
            vocab_size=16,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
            decoder_start_token_id=1,
        )
        network: Any = transformers.WhisperModel(config)
    else:
        more = {"conv_pos_kernel_size": 5, "num_conv_pos_embeddings": 2} if kind == "data2vec-audio" else {}
        config = transformers.AutoConfig.for_model(kind, **{**SIZE, **more})
        network = transformers.AutoModel.from_config(config)
    network.save_pretrained(folder)
    return folder
