"""Every kind of bad input says what is wrong, what is accepted and the way out, in one sentence."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt import audio
from hearfelt.errors import AudioError

from .test_recording import RATE, container, tones


def wav(samples: np.ndarray, rate: int = RATE, subtype: str = "PCM_16") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype=subtype)
    return file.getvalue()


def message(source: object, **options: object) -> str:
    with pytest.raises(AudioError) as caught:
        audio.read(source, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    assert message(path) == f"there is no file '{path}'; check the path"


def test_folder(tmp_path: Path) -> None:
    assert message(tmp_path) == f"'{tmp_path}' is a folder; give the recordings in it one by one"


def test_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    path.write_bytes(b"")
    assert message(path).startswith(f"'{path}' is empty (0 bytes); give a recording (wav, flac, ogg,")


def test_no_samples() -> None:
    assert message(wav(np.zeros(0))) == (
        "the recording holds no samples (its length is 0 s); give a recording with sound in it"
    )


@pytest.mark.parametrize(
    "text", ["hello, this is a letter\n" * 10, "你好，这不是声音。\n" * 500, "#EXTM3U\nhttp://x/y.ts"]
)
def test_text_named_wav(tmp_path: Path, text: str) -> None:
    path = tmp_path / "letter.wav"
    path.write_text(text, encoding="utf-8")
    assert message(path).startswith(f"'{path}' holds text, not sound; give a recording (wav, flac,")


def test_text_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "letter.wav"
    path.write_text("Grüße aus Köln\n" * 50, encoding="utf-16")
    assert message(path).startswith(f"'{path}' ")
    assert "not a recording that can be read" in message(path) or "holds text" in message(path)


def test_container_cut_before_its_sound() -> None:
    data = container("mp4", "aac", tones(), RATE)
    assert message(data[:100]).startswith(
        "the recording is not a recording that can be read, or it is cut before its first sound; give wav,"
    )


def test_mp4_without_its_index() -> None:
    data = container("mp4", "aac", tones(10), RATE)
    assert "cut before its first sound" in message(data[: len(data) // 2])


def test_wav_with_header_only() -> None:
    assert "holds no samples" in message(wav(tones())[:44])


def test_video_without_sound() -> None:
    import av

    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as file:
        picture = file.add_stream("mpeg4", rate=10)
        picture.width = picture.height = 64
        picture.pix_fmt = "yuv420p"
        for _ in range(5):
            file.mux(
                picture.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24"))
            )
        file.mux(picture.encode(None))
    assert message(target.getvalue()) == (
        "the recording has no sound, only video; give a file with an audio track"
    )


def test_picture() -> None:
    import av

    picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
    target = io.BytesIO()
    with av.open(target, "w", format="image2pipe") as file:
        track = file.add_stream("png")
        track.width = track.height = 64
        track.pix_fmt = "rgb24"
        file.mux(track.encode(picture))
        file.mux(track.encode(None))
    assert "not a recording that can be read" in message(target.getvalue())


def test_too_many_channels() -> None:
    found = message(wav(np.zeros((100, 40))))
    assert found.startswith(
        "the recording has 40 channels; at most 32 are accepted: split it, such as by `ffmpeg"
    )


@pytest.mark.parametrize("rate", [0, -16000, 16000.5, 10, 10_000_000, True])
def test_bad_target_rate(rate: float) -> None:
    assert message(wav(tones()), sample_rate_hz=rate) == (
        f"sample rate {rate!r} Hz cannot be used; give a whole number from 1000 to 768000 Hz, such as 16000"
    )


def test_bad_rate_in_the_file() -> None:
    assert message(wav(tones(), rate=100)) == (
        "sample rate 100 Hz of the recording cannot be used;"
        " give a whole number from 1000 to 768000 Hz, such as 16000"
    )


@pytest.mark.parametrize("name", ["a.raw", "a.pcm"])
def test_raw_pcm_by_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes((tones() * 20000).astype("<i2").tobytes())
    assert message(path) == (
        f"'{path}' has no header that tells its rate and format; headerless PCM must be given a header first,"
        " such as by `ffmpeg -f s16le -ar 16000 -ac 1 -i INPUT.raw OUTPUT.wav`"
    )


@pytest.mark.parametrize("seed", range(8))
def test_raw_pcm_under_another_name(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "a.wav"
    noise = np.random.default_rng(seed).integers(-9000, 9000, 40000)
    path.write_bytes(noise.astype("<i2").tobytes())
    assert "headerless PCM must be given a header first, such as by `ffmpeg -f s16le" in message(path)


def test_raw_silence(tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(bytes(100_000))
    assert "headerless PCM must be given a header first" in message(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_a_number(value: float) -> None:
    sound = tones()
    sound[12000, 1] = value
    assert message(wav(sound, subtype="FLOAT")) == (
        f"the recording holds {value} at sample 12000 (0.750 s) of channel 1; samples must be finite numbers"
        " in [-1, 1]: mend it (numpy.nan_to_num) and write the file again"
    )


def test_not_a_number_far_into_the_file_keeps_the_blocks_before() -> None:
    sound = tones(30, channels=1)
    sound[400_000] = np.nan
    blocks = audio.blocks(wav(sound, subtype="FLOAT"), block_s=1)
    got = 0.0
    with pytest.raises(AudioError, match=r"holds nan at sample 400000 \(25.000 s\) of channel 0"):
        for block in blocks:
            got += block[0].duration_s
    assert got >= 20


def test_integers_written_as_floats() -> None:
    assert message(wav(tones() * 32768, subtype="FLOAT")).startswith(
        "the recording holds float samples up to 98"
    )
    assert "they must lie in [-1, 1]; divide them by their full scale (32768 for 16 bit)" in message(
        wav(tones() * 32768, subtype="FLOAT")
    )


def test_no_such_channel() -> None:
    assert message(wav(tones()), channels=[2]) == (
        "the recording has no channel 2; it has 2, counted from 0: 0, 1"
    )
    assert message(wav(tones()), channels=[]) == (
        "no channel of the recording was asked for; give some of 0 to 1, or None for all"
    )


def test_not_a_source() -> None:
    assert message(3.5) == ("a float is no recording; give a path, bytes of a file or a binary file object")


@pytest.mark.parametrize("block_s", [0, -1, float("nan")])
def test_bad_block_length(block_s: float) -> None:
    with pytest.raises(
        AudioError, match=f"block_s {block_s} cannot be used; give a positive number of seconds"
    ):
        list(audio.blocks(wav(tones()), block_s=block_s))


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = container("mp3", "mp3", tones(10), RATE)
    for broken in (data[: len(data) // 2], data[:400], data[: len(data) // 2] + bytes(3000), data[5:]):
        try:
            audio.read(broken)
        except AudioError:
            continue
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")
