"""Reading recordings: any format, block by block, at the rate you ask for, channels apart."""

from __future__ import annotations

import builtins
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TypeAlias

import numpy as np

from hearfelt.audio.decoders import RAW_WAY_OUT, Decoder, decoder, from_bytes, seekable
from hearfelt.audio.resample import Resampler, check_rate
from hearfelt.errors import AudioError
from hearfelt.types import Audio, FloatArray

Source: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]"
"""A path, the bytes of a file, or a binary file object."""

MAX_CHANNELS = 32
_LOUDEST = 8.0  # float samples beyond this are integers that nobody scaled, not an overshoot


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What a file says of itself; ``duration_s`` is None where it does not say how long it is."""

    format: str
    codec: str
    sample_rate_hz: int
    channels: int
    duration_s: float | None


class Recording:
    """An open recording: what it is, its sound in blocks, and what was wrong with it.

    It is a context manager. The sound can be read once, by `blocks` or by `read`.

    Args:
        source: path, bytes of a file, or binary file object (which stays open).
        sample_rate_hz: rate of the sound that comes out.
        channels: which channels, counted from 0; None for all.

    Attributes:
        info: what the file says of itself.
        warnings: what was wrong but could be lived with (it breaks off, is damaged, was clipped); complete
            once the sound has been read.

    Raises:
        AudioError: the source cannot be read; the message says why and what to do.
    """

    def __init__(
        self,
        source: Source,
        *,
        sample_rate_hz: int = 16000,
        channels: Sequence[int] | None = None,
    ) -> None:
        self.sample_rate_hz = check_rate(sample_rate_hz)
        self.name, stream, self._owned = _stream(source)
        self._decoder: Decoder | None = None
        try:
            self._decoder = decoder(stream, self.name)
            check_rate(self._decoder.sample_rate_hz, f" of {self.name}")
            if self._decoder.channels > MAX_CHANNELS:
                raise AudioError(
                    f"{self.name} has {self._decoder.channels} channels; at most {MAX_CHANNELS} are accepted:"
                    " split it, such as by `ffmpeg -i INPUT -af 'pan=stereo|c0=c0|c1=c1' OUTPUT.wav`"
                )
            self.channels = _chosen(channels, self._decoder.channels, self.name)
        except BaseException:
            self.close()
            raise
        d = self._decoder
        seconds = None if d.frames is None else d.frames / d.sample_rate_hz
        self.info = AudioInfo(d.format, d.codec, d.sample_rate_hz, d.channels, seconds)
        self.warnings: list[str] = d.warnings
        self._broken = ""
        self._used = False
        self._peak = 0.0

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go."""
        if self._decoder is not None:
            self._broken = self._decoder.broken
            self._decoder.close()
            self._decoder = None
        if self._owned is not None:
            self._owned.close()
            self._owned = None

    @property
    def broken(self) -> str:
        """Where the file breaks off, in words (also among the warnings); empty where it is whole so far."""
        return self._broken if self._decoder is None else self._decoder.broken

    def blocks(self, block_s: float = 10.0) -> Iterator[list[Audio]]:
        """The sound in blocks of ``block_s`` seconds (the last one may be shorter), one Audio a channel.

        Memory does not grow with the length of the recording. Joined, the blocks are what `read` gives, bit
        for bit, whatever ``block_s`` is.

        Raises:
            AudioError: no samples, samples that are no numbers, a second pass, or a block length that is not
                positive.
        """
        if not block_s > 0:
            raise AudioError(
                f"block_s {block_s!r} cannot be used; give a positive number of seconds, such as 10"
            )
        size = max(1, round(block_s * self.sample_rate_hz))
        parts: list[FloatArray] = []
        held, start = 0, 0
        for part in self._sound():
            parts.append(part)
            held += len(part)
            if held < size:
                continue
            joined = np.concatenate(parts)
            whole = held - held % size
            for first in range(0, whole, size):
                yield self._audios(joined[first : first + size], start)
                start += size
            parts, held = [joined[whole:].copy()], held - whole
        if held:
            yield self._audios(np.concatenate(parts), start)

    def read(self) -> list[Audio]:
        """The whole sound, one Audio a channel."""
        parts = list(self.blocks())
        return [
            Audio(np.concatenate([block[i].samples for block in parts]), self.sample_rate_hz, channel)
            for i, channel in enumerate(self.channels)
        ]

    def _audios(self, block: FloatArray, start: int) -> list[Audio]:
        return [
            Audio(np.ascontiguousarray(block[:, i]), self.sample_rate_hz, c, start / self.sample_rate_hz)
            for i, c in enumerate(self.channels)
        ]

    def _sound(self) -> Iterator[FloatArray]:
        """Checked, resampled, clipped blocks of the chosen channels, shape ``(n, channels)``."""
        if self._used or self._decoder is None:
            raise AudioError(f"{self.name} has been read or closed; open it again to read it again")
        self._used = True
        d = self._decoder
        every = len(self.channels) == d.channels and self.channels == tuple(range(d.channels))
        resampler = Resampler(d.sample_rate_hz, self.sample_rate_hz, len(self.channels))
        done = 0
        for block in d.blocks():
            self._check(block, done)
            done += len(block)
            yield self._clip(
                _column(resampler.push(_flat(block if every else block[:, list(self.channels)])))
            )
        if not done:
            raise AudioError(
                f"{self.name} holds no samples (its length is 0 s); give a recording with sound in it"
            )
        yield self._clip(_column(resampler.close()))
        if self._peak > 1.001:
            self.warnings.append(f"samples reach {self._peak:.2f} times full scale; they were clipped to it")

    def _check(self, block: FloatArray, done: int) -> None:
        peak = float(np.abs(block).max(initial=0.0))
        if peak <= _LOUDEST:  # False where there is a NaN
            self._peak = max(self._peak, peak)
            return
        finite = np.isfinite(block)
        if finite.all():
            raise AudioError(
                f"{self.name} holds float samples up to {peak:.6g}, but they must lie in [-1, 1];"
                " divide them by their full scale (32768 for 16 bit) and write the file again"
            )
        frame, channel = (int(i) for i in np.argwhere(~finite)[0])
        rate = 1 if self._decoder is None else self._decoder.sample_rate_hz
        raise AudioError(
            f"{self.name} holds {block[frame, channel]} at sample {done + frame}"
            f" ({(done + frame) / rate:.3f} s) of channel {channel}; samples must be finite numbers"
            " in [-1, 1]: mend it (numpy.nan_to_num) and write the file again"
        )

    @staticmethod
    def _clip(samples: FloatArray) -> FloatArray:
        return np.clip(samples, -1.0, 1.0)


def _flat(block: FloatArray) -> FloatArray:
    return block[:, 0] if block.shape[1] == 1 else block


def _column(samples: FloatArray) -> FloatArray:
    return samples[:, None] if samples.ndim == 1 else samples


def _chosen(channels: Sequence[int] | None, there: int, name: str) -> tuple[int, ...]:
    if channels is None:
        return tuple(range(there))
    for channel in channels:
        if not 0 <= channel < there:
            known = ", ".join(str(c) for c in range(there))
            raise AudioError(f"{name} has no channel {channel!r}; it has {there}, counted from 0: {known}")
    if not channels:
        raise AudioError(
            f"no channel of {name} was asked for; give some of 0 to {there - 1}, or None for all"
        )
    return tuple(channels)


def _stream(source: Source) -> tuple[str, IO[bytes], IO[bytes] | None]:
    """Name for messages, seekable binary stream, and the stream again where it is ours to close."""
    if isinstance(source, bytes | bytearray | memoryview):
        stream = from_bytes(source)
        return "the recording", stream, stream
    if isinstance(source, str | os.PathLike):
        return _open_path(Path(source))
    if not hasattr(source, "read"):
        raise AudioError(
            f"a {type(source).__name__} is no recording; give a path, bytes of a file or a binary file object"
        )
    inner = getattr(source, "name", None)
    name = f"'{inner}'" if isinstance(inner, str) else "the recording"
    stream = seekable(source)
    return name, stream, (None if stream is source else stream)


def _open_path(path: Path) -> tuple[str, IO[bytes], IO[bytes]]:
    name = f"'{path}'"
    if path.is_dir():
        raise AudioError(f"{name} is a folder; give the recordings in it one by one")
    if path.suffix.lower() in (".raw", ".pcm") and path.is_file():
        with path.open("rb") as file:
            if file.read(4) not in (b"RIFF", b"fLaC", b"OggS", b"FORM"):
                raise AudioError(f"{name} has no header that tells its rate and format; {RAW_WAY_OUT}")
    try:
        stream = builtins.open(path, "rb")  # noqa: SIM115, PTH123  # closed with the recording
    except FileNotFoundError:
        raise AudioError(f"there is no file {name}; check the path") from None
    except OSError as error:
        raise AudioError(
            f"{name} cannot be opened ({error.strerror or error}); check its permissions"
        ) from error
    return name, stream, stream


def open(source: Source, *, sample_rate_hz: int = 16000, channels: Sequence[int] | None = None) -> Recording:
    """Open a recording, for use as ``with audio.open("call.mp4") as recording``; see `Recording`."""
    return Recording(source, sample_rate_hz=sample_rate_hz, channels=channels)


def read(
    source: Source, *, sample_rate_hz: int = 16000, channels: Sequence[int] | None = None
) -> list[Audio]:
    """A whole recording, one Audio a channel; for warnings and for long ones use `open` or `blocks`.

    Raises:
        AudioError: the source cannot be read; the message says why and what to do.
    """
    with Recording(source, sample_rate_hz=sample_rate_hz, channels=channels) as recording:
        return recording.read()


def blocks(
    source: Source,
    *,
    block_s: float = 10.0,
    sample_rate_hz: int = 16000,
    channels: Sequence[int] | None = None,
) -> Iterator[list[Audio]]:
    """A recording in blocks, one Audio a channel, in memory that does not grow with its length.

    Raises:
        AudioError: the source cannot be read; the message says why and what to do.
    """
    with Recording(source, sample_rate_hz=sample_rate_hz, channels=channels) as recording:
        yield from recording.blocks(block_s)


def probe(source: Source) -> AudioInfo:
    """What a file says of itself, without reading its sound.

    Raises:
        AudioError: the source cannot be read; the message says why and what to do.
    """
    with Recording(source) as recording:
        return recording.info
