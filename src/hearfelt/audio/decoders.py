"""Decoding files to blocks of float32: soundfile where it can, PyAV for containers and video.

A decoder has ``format``, ``codec``, ``sample_rate_hz``, ``channels``, ``frames`` (declared length or None),
``warnings``, ``broken`` (where the file breaks off, in words), ``blocks()`` (arrays of shape ``(n,
channels)``, any n) and ``close()``. Integers are scaled by their full range, so that a 16-bit -32768 becomes
-1. Blocks depend on the file alone, never on who reads them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import IO, Any, Protocol

import numpy as np
import soundfile

from hearfelt.errors import AudioError
from hearfelt.types import FloatArray

BLOCK_FRAMES = 65_536
_READ_FRAMES = 4096
_SHORTEST_GAP_S, _LONGEST_GAP_S = 0.2, 3600.0
_LEFT_OPEN = 0x7FFF_0000  # sizes from here on are what a recorder writes that cannot go back and fill them in

ACCEPTED = "wav, flac, ogg, opus, mp3, aiff, m4a, aac, amr, webm, mp4, mkv and what else FFmpeg decodes"
RAW_WAY_OUT = (
    "headerless PCM must be given a header first, such as by"
    " `ffmpeg -f s16le -ar 16000 -ac 1 -i INPUT.raw OUTPUT.wav`"
)


class Decoder(Protocol):
    """What the two decoders share."""

    format: str
    codec: str
    sample_rate_hz: int
    channels: int
    frames: int | None
    warnings: list[str]
    broken: str

    def blocks(self) -> Iterator[FloatArray]:
        """Decoded blocks, shape ``(n, channels)``, each to be used before the next is asked for."""

    def close(self) -> None:
        """Let the file go."""


def decoder(stream: IO[bytes], name: str) -> Decoder:
    """The decoder for an open, seekable binary file; ``name`` is what errors call it.

    Raises:
        AudioError: nothing here can read it.
    """
    head = stream.read(8192)
    stream.seek(0)
    if not head:
        raise AudioError(f"{name} is empty (0 bytes); give a recording ({ACCEPTED})")
    if _is_text(head):
        raise AudioError(f"{name} holds text, not sound; give a recording ({ACCEPTED})")
    if not _is_mpeg_audio(head):
        try:
            return SoundFileDecoder(stream)
        except (soundfile.SoundFileError, TypeError):
            stream.seek(0)
    return PyAVDecoder(stream, name, tells_length=_tells_length(head))


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # a character cut at the end of what was read is fine
            return False
        text = head[: error.start].decode("utf-8")
    return all(c.isprintable() or c in "\t\n\r\f\v\ufeff" for c in text)


def _is_mpeg_audio(head: bytes) -> bool:
    """MP3 and its kin go to PyAV: libsndfile's reader prints to stderr and fills a broken file with zeros."""
    return head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0)


def _tells_length(head: bytes) -> bool:
    """Whether the length is written in the file; an MP3 without a Xing header lets one only guess."""
    return not _is_mpeg_audio(head) or b"Xing" in head or b"Info" in head


class SoundFileDecoder:
    """What libsndfile reads: wav, flac, ogg, opus, aiff, au, caf and more."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._file = soundfile.SoundFile(stream)
        self.format = self._file.format.lower()
        self.codec = self._file.subtype.lower()
        self.sample_rate_hz = int(self._file.samplerate)
        self.channels = int(self._file.channels)
        frames = int(self._file.frames)
        self.frames: int | None = frames if 0 <= frames < 2**62 else None
        self.warnings: list[str] = []
        self.broken = ""

    def blocks(self) -> Iterator[FloatArray]:
        """Decoded blocks; a break in the file ends them with a warning."""
        done, broken = 0, False
        while not broken:
            block = np.empty((BLOCK_FRAMES, self.channels), np.float32)
            filled = 0
            while filled < BLOCK_FRAMES:
                try:
                    part = self._file.read(out=block[filled : filled + _READ_FRAMES])
                except soundfile.SoundFileError:
                    broken = True
                    break
                filled += len(part)
                if not len(part):
                    break
            done += filled
            if filled:
                yield block[:filled]
            if filled < BLOCK_FRAMES:
                break
        self._warn(done, broken)

    def _warn(self, done: int, broken: bool) -> None:
        declared = self._declared()
        if declared is not None and declared > done and done:
            self.broken = _broke_off(done / self.sample_rate_hz, declared / self.sample_rate_hz)
        elif broken and done:
            self.broken = _broke_off(done / self.sample_rate_hz, None)
        self.warnings += [self.broken] * bool(self.broken)

    def _declared(self) -> int | None:
        """Frames that the header promises: libsndfile itself trims them to the size of a cut file."""
        found = re.search(r"(?:data|SSND) : (\d+) \(should be (\d+)\)", self._file.extra_info)
        if not found or self.frames is None:
            return self.frames
        promised, there = int(found[1]), int(found[2])
        if promised >= _LEFT_OPEN or promised <= there or not there:
            return self.frames
        return round(self.frames * promised / there)

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


class PyAVDecoder:
    """What FFmpeg reads, sound track of a video included."""

    def __init__(self, stream: IO[bytes], name: str, tells_length: bool = True) -> None:
        import av

        self.warnings: list[str] = []
        self.broken = ""
        try:
            self._container = av.open(stream, mode="r", metadata_errors="replace")
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise _not_sound(name) from error
        tracks = self._container.streams.audio
        if not tracks:
            kinds = sorted({track.type for track in self._container.streams})
            self._container.close()
            if "video" in kinds and not _is_guess(self._container.format.name):
                raise AudioError(f"{name} has no sound, only video; give a file with an audio track")
            raise _not_sound(name)
        if len(tracks) > 1:
            self.warnings.append(f"the file holds {len(tracks)} audio tracks; the first one was read")
        self._track = tracks[0]
        self.format = self._container.format.name.lower()
        context: Any = self._track.codec_context
        if context is None:  # a codec that FFmpeg does not know
            self._container.close()
            raise _not_sound(name)
        self.codec = context.name.lower()
        self._frames = self._decoded()
        self._first = next(self._frames, None)
        if self._first is None:
            self._container.close()
            raise AudioError(
                f"{name} holds no sound that can be decoded ({self.format}, {self.codec}), or is no sound;"
                f" give a recording ({ACCEPTED}); {RAW_WAY_OUT}"
            )
        self.sample_rate_hz = int(self._first.sample_rate)
        self.channels = int(self._first.layout.nb_channels)
        whole, track = self._container.duration, self._track.duration
        self.frames = round(whole * self.sample_rate_hz / 1e6) if whole and whole > 0 else None
        self._promised: int | None = None  # frames that must come, or the file breaks off
        if track is not None and self._track.time_base is not None:
            self._promised = round(track * self._track.time_base * self.sample_rate_hz)
        elif len(self._container.streams) == 1:
            self._promised = self.frames
        if not tells_length:
            self._promised = None

    def _decoded(self) -> Iterator[Any]:
        """Frames of the first audio track; damaged packets are skipped and counted."""
        import av

        damaged, good = 0, 0
        try:
            for packet in self._container.demux(self._track):
                try:
                    for frame in packet.decode():
                        good += 1
                        yield frame
                except av.error.FFmpegError:
                    damaged += 1
                    if not good and damaged > 20:
                        return
        except av.error.FFmpegError:
            self.broken = "the file is damaged: it was read up to the damage"
            self.warnings.append(self.broken)
        if damaged and good:
            self.warnings.append(f"{damaged} damaged packets of the file could not be decoded")

    def blocks(self) -> Iterator[FloatArray]:
        """Decoded blocks; damage in the file ends or thins them with a warning."""
        parts: list[FloatArray] = []
        held, done = 0, 0
        for part in self._timed():
            parts.append(part)
            held += len(part)
            done += len(part)
            if held >= BLOCK_FRAMES:
                yield np.concatenate(parts)
                parts, held = [], 0
        if parts:
            yield np.concatenate(parts)
        if self._promised is not None and done < 0.99 * self._promised - 0.3 * self.sample_rate_hz:
            self.broken = _broke_off(done / self.sample_rate_hz, self._promised / self.sample_rate_hz)
            self.warnings.append(self.broken)

    def _timed(self) -> Iterator[FloatArray]:
        """The frames, with silence where their time stamps leave a gap: times stay those of the video."""
        start = (self._container.start_time or 0) / 1e6
        done, filled = 0, 0
        for part, time_s in self._uniform():
            if time_s is not None:
                gap = round((time_s - start) * self.sample_rate_hz) - done
                if gap > _LONGEST_GAP_S * self.sample_rate_hz:
                    start = time_s - done / self.sample_rate_hz  # a jump of the clock, not a pause
                elif gap > _SHORTEST_GAP_S * self.sample_rate_hz:
                    for first in range(0, gap, BLOCK_FRAMES):
                        yield np.zeros((min(BLOCK_FRAMES, gap - first), self.channels), np.float32)
                    done, filled = done + gap, filled + gap
            done += len(part)
            yield part
        if filled:
            seconds = filled / self.sample_rate_hz
            self.warnings.append(f"{seconds:.1f} s missing by the time stamps were filled with silence")

    def _uniform(self) -> Iterator[tuple[FloatArray, float | None]]:
        """Frames as float32 ``(n, channels)``, all at the first frame's rate and layout, and their times."""
        import av

        first = self._first
        if first is None:
            return
        converter: Any = None
        frame = first
        while frame is not None:
            if frame.sample_rate == first.sample_rate and frame.layout.name == first.layout.name:
                yield _as_float(frame), frame.time
            else:
                if converter is None:
                    converter = av.AudioResampler("fltp", first.layout, first.sample_rate)
                    self.warnings.append(
                        "the sample rate or channels change within the file; they were made uniform"
                    )
                for converted in converter.resample(frame):
                    yield _as_float(converted), None
            frame = next(self._frames, None)
        if converter is not None:
            for converted in converter.resample(None):
                yield _as_float(converted), None

    def close(self) -> None:
        """Let the file go."""
        self._frames.close()  # type: ignore[attr-defined]
        self._container.close()


def _as_float(frame: Any) -> FloatArray:
    """A PyAV frame as float32, shape ``(n, channels)``; integers scaled by their full range."""
    data = frame.to_ndarray()
    data = data.T if frame.format.is_planar else data.reshape(-1, frame.layout.nb_channels)
    if data.dtype == np.uint8:
        return np.asarray((data.astype(np.float32) - 128) / 128, np.float32)
    if np.issubdtype(data.dtype, np.integer):
        full = float(1 << (8 * data.dtype.itemsize - 1))
        return np.asarray(data / full, np.float32)
    return np.asarray(data, np.float32)


def _is_guess(format_name: str) -> bool:
    return format_name.endswith("_pipe") or format_name in ("image2", "rawvideo")


def _broke_off(read_s: float, declared_s: float | None) -> str:
    promised = "" if declared_s is None else f" of the {declared_s:.2f} s that its header promises"
    return f"the file breaks off: {read_s:.2f} s{promised} could be read"


def _not_sound(name: str) -> AudioError:
    return AudioError(
        f"{name} is not a recording that can be read, or it is cut before its first sound;"
        f" give {ACCEPTED}; {RAW_WAY_OUT}"
    )


def seekable(stream: IO[bytes]) -> IO[bytes]:
    """The stream itself where one can seek in it, else a copy of it in a temporary file."""
    try:
        if stream.seekable():
            return stream
    except AttributeError:
        pass
    import shutil
    import tempfile

    copy = tempfile.SpooledTemporaryFile(max_size=32 << 20)  # noqa: SIM115  # closed with the recording
    shutil.copyfileobj(stream, copy)
    copy.seek(0)
    return copy


def from_bytes(data: bytes | bytearray | memoryview) -> IO[bytes]:
    """Bytes as a file."""
    return io.BytesIO(data)
