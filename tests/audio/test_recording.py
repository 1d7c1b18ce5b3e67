"""Reading: every format gives the sound that was written, whole or in blocks, from path, bytes or file."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt import audio
from hearfelt.errors import AudioError
from hearfelt.types import Audio

RATE = 16000


def tones(seconds: float = 2.0, rate: int = RATE, channels: int = 2) -> np.ndarray:
    """A different tone in each channel, shape ``(n, channels)``, with a soft start and end."""
    time = np.arange(round(seconds * rate)) / rate
    fade = np.clip(np.minimum(time, time[::-1]) / 0.05, 0, 1)
    sound = [0.3 * fade * np.sin(2 * np.pi * (300 + 200 * c) * time) for c in range(channels)]
    return np.stack(sound, axis=1).astype(np.float32)


def container(kind: str, codec: str, sound: np.ndarray, rate: int, video: bool = False) -> bytes:
    """A sound written by PyAV, in a video where wanted."""
    target = io.BytesIO()
    with av.open(target, "w", format=kind) as file:
        layout = {1: "mono", 2: "stereo"}[sound.shape[1]]
        track = file.add_stream(codec, rate=rate, layout=layout)
        if video:
            picture = file.add_stream("mpeg4", rate=10)
            picture.width = picture.height = 64
            picture.pix_fmt = "yuv420p"
            for number in range(round(10 * len(sound) / rate)):
                grey = np.full((64, 64, 3), number % 255, np.uint8)
                still = av.VideoFrame.from_ndarray(grey, format="rgb24")
                file.mux(picture.encode(still))
            file.mux(picture.encode(None))
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound.T), format="fltp", layout=layout)
        frame.sample_rate = rate
        frame.time_base = Fraction(1, rate)
        frame.pts = 0
        file.mux(track.encode(frame))
        file.mux(track.encode(None))
    return target.getvalue()


def pitch_hz(samples: np.ndarray, rate: int = RATE) -> float:
    """The strongest frequency."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


@pytest.mark.parametrize(
    ("kind", "subtype", "rate"),
    [
        ("WAV", "PCM_16", 16000),
        ("WAV", "PCM_24", 44100),
        ("WAV", "PCM_U8", 8000),
        ("WAV", "FLOAT", 48000),
        ("WAV", "ULAW", 8000),
        ("FLAC", "PCM_16", 22050),
        ("AIFF", "PCM_32", 16000),
        ("OGG", "VORBIS", 16000),
        ("OGG", "OPUS", 48000),
        ("AU", "PCM_16", 16000),
        ("W64", "PCM_16", 16000),
        ("CAF", "PCM_16", 16000),
    ],
)
def test_golden_against_soundfile(tmp_path: Path, kind: str, subtype: str, rate: int) -> None:
    path = tmp_path / "a.bin"
    soundfile.write(path, tones(rate=rate), rate, format=kind, subtype=subtype)
    golden, _ = soundfile.read(path, dtype="float32", always_2d=True)
    read = audio.read(path, sample_rate_hz=rate)
    assert [a.channel for a in read] == [0, 1]
    for c, a in enumerate(read):
        assert a.samples.dtype == np.float32
        assert (a.sample_rate_hz, a.start_s) == (rate, 0.0)
        np.testing.assert_array_equal(a.samples, np.clip(golden[:, c], -1, 1))
    info = audio.probe(path)
    assert (info.format, info.codec) == (kind.lower(), subtype.lower())
    assert (info.sample_rate_hz, info.channels) == (rate, 2)
    assert info.duration_s == pytest.approx(2.0, abs=0.01)


CONTAINERS = [
    ("mp3", "mp3", 44100, False),
    ("mp4", "aac", 44100, True),
    ("ipod", "aac", 16000, False),  # m4a
    ("adts", "aac", 16000, False),
    ("ogg", "libopus", 48000, False),
    ("webm", "libopus", 48000, False),
    ("matroska", "flac", 16000, True),
    ("mov", "pcm_s16le", 16000, True),
    ("mpegts", "mp2", 48000, True),
]


@pytest.mark.parametrize(("kind", "codec", "rate", "video"), CONTAINERS)
def test_containers_and_video(kind: str, codec: str, rate: int, video: bool) -> None:
    data = container(kind, codec, tones(rate=rate), rate, video)
    left, right = audio.read(data)
    assert left.duration_s == pytest.approx(2.0, abs=0.15)  # codecs add a frame or two
    assert len(left.samples) == len(right.samples)
    for a, hz in ((left, 300), (right, 500)):
        assert pitch_hz(a.samples[4000:-4000]) == pytest.approx(hz, abs=3)
        assert np.sqrt(np.mean(a.samples[4000:-4000] ** 2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.1)
    info = audio.probe(data)
    assert (info.sample_rate_hz, info.channels) == (rate, 2)


@pytest.mark.parametrize(("kind", "codec", "rate", "video"), CONTAINERS)
def test_containers_in_blocks_equal_read(kind: str, codec: str, rate: int, video: bool) -> None:
    data = container(kind, codec, tones(rate=rate), rate, video)
    assert_same(audio.read(data), list(audio.blocks(data, block_s=0.37)))


def assert_same(whole: list[Audio], blocks: list[list[Audio]]) -> None:
    for c, a in enumerate(whole):
        np.testing.assert_array_equal(np.concatenate([b[c].samples for b in blocks]), a.samples)
        start = 0
        for block in blocks:
            assert block[c].start_s == start / a.sample_rate_hz
            assert block[c].channel == a.channel
            start += len(block[c].samples)


@settings(max_examples=25, deadline=None)
@given(
    block_s=st.floats(0.001, 5),
    rate=st.sampled_from([8000, 11025, 16000, 44100]),
    target=st.sampled_from([8000, 16000, 22050]),
    seconds=st.floats(0.01, 6),
)
def test_blocks_equal_read_bit_for_bit(block_s: float, rate: int, target: int, seconds: float) -> None:
    file = io.BytesIO()
    noise = np.random.default_rng(0).uniform(-1, 1, (max(1, round(seconds * rate)), 2))
    soundfile.write(file, noise, rate, format="WAV", subtype="PCM_16")
    data = file.getvalue()
    whole = audio.read(data, sample_rate_hz=target)
    blocks = list(audio.blocks(data, block_s=block_s, sample_rate_hz=target))
    assert_same(whole, blocks)
    size = max(1, round(block_s * target))
    assert all(len(b[0].samples) == size for b in blocks[:-1])
    assert len(whole[0].samples) == int(len(noise) * target / rate + 0.5)
    assert np.abs(whole[0].samples).max() <= 1


def test_path_bytes_and_file_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, tones(), RATE)
    from_path = audio.read(path)
    with path.open("rb") as file:
        from_file = audio.read(file)
        assert not file.closed
    for other in (from_file, audio.read(str(path)), audio.read(path.read_bytes())):
        np.testing.assert_array_equal(other[1].samples, from_path[1].samples)


def test_stream_without_seeking_is_copied() -> None:
    class Pipe(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self._inner = io.BytesIO(data)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            return self._inner.readinto(buffer)

    file = io.BytesIO()
    soundfile.write(file, tones(), RATE, format="FLAC")
    golden = audio.read(file.getvalue())
    np.testing.assert_array_equal(audio.read(Pipe(file.getvalue()))[0].samples, golden[0].samples)


def test_channels_are_kept_apart_and_chosen(tmp_path: Path) -> None:
    path = tmp_path / "eight.wav"
    soundfile.write(path, tones(channels=8), RATE)
    assert audio.probe(path).channels == 8
    eight = audio.read(path)
    assert [round(pitch_hz(a.samples) / 100) for a in eight] == [3, 5, 7, 9, 11, 13, 15, 17]
    some = audio.read(path, channels=[6, 1])
    assert [a.channel for a in some] == [6, 1]
    np.testing.assert_array_equal(some[0].samples, eight[6].samples)


def test_integers_are_scaled_by_their_range() -> None:
    extremes = np.array([-32768, 32767, 0, 16384], np.int16)
    file = io.BytesIO()
    soundfile.write(file, extremes, RATE, format="WAV", subtype="PCM_16")
    (sound,) = audio.read(file.getvalue())
    np.testing.assert_allclose(sound.samples, [-1, 32767 / 32768, 0, 0.5], atol=1e-7)


def test_loud_float_is_clipped_with_a_warning() -> None:
    file = io.BytesIO()
    soundfile.write(file, 4.6 * tones(channels=1), RATE, format="WAV", subtype="FLOAT")
    with audio.open(file.getvalue()) as recording:
        (sound,) = recording.read()
        assert recording.warnings == ["samples reach 1.38 times full scale; they were clipped to it"]
    assert np.abs(sound.samples).max() == 1


def test_digital_silence_is_a_sound() -> None:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(RATE), RATE, format="WAV")
    (sound,) = audio.read(file.getvalue())
    assert len(sound.samples) == RATE
    assert not sound.samples.any()


def test_one_sample_is_a_sound() -> None:
    file = io.BytesIO()
    soundfile.write(file, np.array([0.5]), RATE, format="WAV")
    assert len(audio.read(file.getvalue())[0].samples) == 1


def test_two_tracks_give_a_warning() -> None:
    target = io.BytesIO()
    with av.open(target, "w", format="matroska") as file:
        for track in [file.add_stream("pcm_s16le", rate=RATE, layout="mono") for _ in range(2)]:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
            frame.sample_rate = RATE
            file.mux(track.encode(frame))
    with audio.open(target.getvalue()) as recording:
        recording.read()
        assert recording.warnings == ["the file holds 2 audio tracks; the first one was read"]


def test_a_recording_is_read_once() -> None:
    file = io.BytesIO()
    soundfile.write(file, tones(), RATE, format="WAV")
    with audio.open(file.getvalue()) as recording:
        assert recording.info.format == "wav"
        recording.read()
        with pytest.raises(AudioError, match="has been read or closed; open it again to read it again"):
            recording.read()


def _written(kind: str, **options: str) -> Callable[[], bytes]:
    def write() -> bytes:
        file = io.BytesIO()
        noise = 0.1 * np.random.default_rng(1).standard_normal((10 * RATE, 1))
        soundfile.write(file, noise, RATE, format=kind, **options)
        return file.getvalue()

    return write


def _muxed(kind: str, codec: str) -> Callable[[], bytes]:
    noise = (0.1 * np.random.default_rng(1).standard_normal((10 * RATE, 1))).astype(np.float32)
    return lambda: container(kind, codec, noise, RATE)


@pytest.mark.parametrize(
    ("write", "declared"),
    [
        (_written("WAV"), True),
        (_written("AIFF"), True),
        (_written("FLAC"), True),
        (_written("OGG"), False),
        (_muxed("mp3", "mp3"), True),
        (_muxed("matroska", "flac"), True),
        (_muxed("adts", "aac"), False),
    ],
    ids=["wav", "aiff", "flac", "ogg", "mp3", "mkv", "aac"],
)
def test_a_cut_recording_keeps_what_is_there(write: Callable[[], bytes], declared: bool) -> None:
    data = write()
    with audio.open(data[: len(data) // 2]) as recording:
        (sound,) = recording.read()
        warnings = list(recording.warnings)
    assert bool(recording.broken) == declared
    assert 3.5 < sound.duration_s < 6.5
    assert np.std(sound.samples[-8000:]) == pytest.approx(0.1, rel=0.2)  # noise to the end, nothing made up
    if declared:
        assert recording.broken in warnings
        assert "the file breaks off: " in recording.broken
    with audio.open(data) as recording:
        recording.read()
        assert recording.warnings == []


def test_a_header_that_was_left_open_is_no_break() -> None:
    file = io.BytesIO()
    soundfile.write(file, tones(), RATE, format="WAV")
    data = bytearray(file.getvalue())
    at = data.index(b"data")
    data[at + 4 : at + 8] = b"\xff\xff\xff\xff"
    with audio.open(bytes(data)) as recording:
        assert recording.read()[0].duration_s == 2
        assert recording.warnings == []


MEMORY = """
import resource, sys
from hearfelt import audio
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
for _ in audio.blocks(sys.argv[1]): pass
before = peak()
seconds = 0.0
for block in audio.blocks(sys.argv[2]): seconds += block[0].duration_s
print(seconds, peak() - before)
"""


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    """30 minutes take 115 MB as a whole; in blocks they take next to nothing more than one minute."""
    short, long = tmp_path / "short.wav", tmp_path / "long.wav"
    minute = np.random.default_rng(0).integers(-3000, 3000, 60 * 24000, dtype=np.int16)
    soundfile.write(short, minute, 24000)
    with soundfile.SoundFile(long, "w", 24000, 1) as file:
        for _ in range(30):
            file.write(minute)
    command = [sys.executable, "-c", MEMORY, str(short), str(long)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert float(out[0]) == pytest.approx(1800)
    assert float(out[1]) < 15


def test_importing_audio_is_light() -> None:
    code = "import sys, hearfelt.audio; print([m for m in ('soundfile', 'av', 'soxr') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def _with_gap(kind: str, codec: str, first_s: float, gap_s: float) -> bytes:
    """A second of tone, a pause of the clock, another second."""
    target = io.BytesIO()
    with av.open(target, "w", format=kind) as file:
        track = file.add_stream(codec, rate=48000, layout="mono")
        for start_s in (first_s, first_s + 1 + gap_s):
            sound = np.ascontiguousarray(tones(1, 48000, 1).T)
            for at in range(0, 48000, 960):
                frame = av.AudioFrame.from_ndarray(
                    sound[:, at : at + 960].copy(), format="fltp", layout="mono"
                )
                frame.sample_rate, frame.time_base = 48000, Fraction(1, 48000)
                frame.pts = round(start_s * 48000) + at
                file.mux(track.encode(frame))
        file.mux(track.encode(None))
    return target.getvalue()


def test_gaps_in_the_time_stamps_become_silence() -> None:
    with audio.open(_with_gap("webm", "libopus", 0.0, 3.0)) as recording:
        (sound,) = recording.read()
        assert recording.warnings == ["3.0 s missing by the time stamps were filled with silence"]
        assert recording.broken == ""
    assert sound.duration_s == pytest.approx(5, abs=0.1)
    assert not sound.samples[int(1.2 * RATE) : int(3.8 * RATE)].any()
    assert np.std(sound.samples[int(4.2 * RATE) : int(4.8 * RATE)]) > 0.1


def test_a_jump_of_the_clock_is_no_gap() -> None:
    with audio.open(_with_gap("matroska", "libopus", 0.0, 9000.0)) as recording:
        (sound,) = recording.read()
    assert sound.duration_s == pytest.approx(2, abs=0.1)


def test_video_longer_than_its_sound_is_no_break() -> None:
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as file:
        picture = file.add_stream("mpeg4", rate=10)
        picture.width = picture.height = 64
        picture.pix_fmt = "yuv420p"
        track = file.add_stream("aac", rate=RATE, layout="mono")
        black = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        for _ in range(60):
            file.mux(picture.encode(black))
        file.mux(picture.encode(None))
        sound = np.ascontiguousarray(tones(2, RATE, 1).T)
        frame = av.AudioFrame.from_ndarray(sound, format="fltp", layout="mono")
        frame.sample_rate = RATE
        file.mux(track.encode(frame))
        file.mux(track.encode(None))
    with audio.open(target.getvalue()) as recording:
        assert recording.read()[0].duration_s == pytest.approx(2, abs=0.15)
        assert (recording.warnings, recording.broken) == ([], "")
