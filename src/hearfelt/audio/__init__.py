"""Sound in: read, resample, find the speech, clean, cut into frames.

``read``, ``blocks``, ``probe``, ``open``, ``Recording`` and ``AudioInfo`` are loaded on first use.
The other parts stand in their modules: `resample`, `vad`, `denoise`, `frames`, `quality`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hearfelt.audio.recording import AudioInfo, Recording, Source, blocks, open, probe, read

__all__ = ["AudioInfo", "Recording", "Source", "blocks", "open", "probe", "read"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from hearfelt.audio import recording

        return getattr(recording, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
