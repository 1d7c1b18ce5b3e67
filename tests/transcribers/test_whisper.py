"""The Whisper path through the real library, on a tiny model with random weights that is converted here."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hearfelt import transcribers
from hearfelt.errors import MissingExtraError, ModelError, OptionError
from hearfelt.transcribers import auto
from hearfelt.transcribers.whisper import Whisper, WhisperOptions, cache_folder, cached
from hearfelt.types import Audio

pytest.importorskip("faster_whisper", reason="faster-whisper is not installed")

from .sounds import say
from .tiny_whisper import make


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers", reason="the tiny Whisper model is made with transformers")
    return make(tmp_path_factory.mktemp("whisper"))


@pytest.fixture(scope="module")
def sound() -> Audio:
    return say("how are you today")


def test_words_have_times_confidence_and_channel(model: Path, sound: Audio) -> None:
    whisper = transcribers.build("whisper", model=model, language="zh", threads=1, beam_size=1)
    assert whisper.name == "whisper/tiny"
    words = list(whisper.transcribe(Audio(sound.samples, 16000, channel=1, start_s=5.0)))
    assert words
    assert whisper.language == "zh"
    for word in words:
        assert 5.0 <= word.start_s <= word.end_s <= 5.0 + sound.duration_s + 1e-6
        assert word.confidence is not None and 0 <= word.confidence <= 1
        assert word.text == word.text.strip() != ""
        assert (word.channel, word.speaker) == (1, None)
    assert words[-1].start_s > 5.0


def test_the_language_is_found_where_none_is_given(model: Path, sound: Audio) -> None:
    whisper = Whisper(WhisperOptions(model=model, threads=1, beam_size=1))
    assert whisper.language is None
    next(whisper.transcribe(sound), None)
    assert whisper.language is not None and 2 <= len(whisper.language) <= 3


def test_silence_and_a_single_sample_have_no_words(model: Path) -> None:
    whisper = Whisper(WhisperOptions(model=model))
    for samples in (np.zeros(16000), np.zeros(0), np.ones(1)):
        assert list(whisper.transcribe(Audio(samples.astype(np.float32), 16000))) == []


def test_an_unknown_language_lists_the_known(model: Path, sound: Audio) -> None:
    whisper = Whisper(WhisperOptions(model=model, language="xx"))
    with pytest.raises(OptionError, match="does not know the language 'xx'; known: af, am, ar"):
        list(whisper.transcribe(sound))


def test_a_folder_that_is_no_model_says_what_it_lacks(model: Path, tmp_path: Path, sound: Audio) -> None:
    shutil.copy(model / "config.json", tmp_path)
    with pytest.raises(ModelError, match=r"no converted Whisper model, it lacks model\.bin, tokenizer\.json"):
        list(Whisper(WhisperOptions(model=tmp_path)).transcribe(sound))
    shutil.copy(model / "tokenizer.json", tmp_path)
    (tmp_path / "model.bin").write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"the Whisper model in .* cannot be loaded: "):
        list(Whisper(WhisperOptions(model=tmp_path)).transcribe(sound))


def test_a_model_that_is_not_here_and_may_not_be_fetched(
    tmp_path: Path, sound: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="the Whisper model 'small' is not on this machine and nothing may"):
        list(Whisper(WhisperOptions(model="small", download=False)).transcribe(sound))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(
        ModelError, match="run once with the network, or name the folder of a converted model"
    ):
        list(Whisper(WhisperOptions(model="small")).transcribe(sound))
    with pytest.raises(ModelError, match="no Whisper model 'smal': name a folder, or one of tiny, tiny"):
        list(Whisper(WhisperOptions(model="smal")).transcribe(sound))


def test_a_fetch_that_fails_says_so(tmp_path: Path) -> None:
    code = (
        "import numpy as np\n"
        "from hearfelt.transcribers.whisper import Whisper, WhisperOptions\n"
        "from hearfelt.types import Audio\n"
        "try:\n"
        "    list(Whisper(WhisperOptions(model='tiny')).transcribe(Audio(np.ones(16000, 'f4'), 16000)))\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    nowhere = {"HF_HUB_CACHE": str(tmp_path), "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **nowhere},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert done.stdout.startswith(
        "ModelError the Whisper model 'tiny' is not on this machine and could not be"
    )


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hearfelt.transcribers.whisper.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'hearfelt\[whisper\]'"):
        Whisper()


def in_cache(model: Path, cache: Path, repository: str) -> None:
    folder = cache / f"models--{repository.replace('/', '--')}" / "snapshots" / "abc"
    shutil.copytree(model, folder)


def test_auto_takes_the_best_model_of_the_cache_and_never_the_network(
    model: Path, tmp_path: Path, sound: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    in_cache(model, tmp_path, "Systran/faster-whisper-tiny")
    in_cache(model, tmp_path, "Systran/faster-whisper-base.en")
    in_cache(model, tmp_path, "Systran/faster-distil-whisper-large-v3")
    assert cached("distil-large-v3") is not None
    transcriber, message = auto.choose()
    assert transcriber.name == "whisper/distil-large-v3"
    assert message.startswith("words by whisper/distil-large-v3; better, once with the network: --transcr")
    shutil.rmtree(tmp_path / "models--Systran--faster-distil-whisper-large-v3")
    assert auto.choose()[0].name == "whisper/base.en"
    assert auto.choose("de")[0].name == "whisper/tiny"
    assert list(transcribers.build("auto", language="de").transcribe(sound)) is not None
    next((tmp_path / "models--Systran--faster-whisper-tiny").rglob("model.bin")).unlink()
    assert auto.choose("de")[0].name == "none"


def test_auto_falls_back_to_sphinx_and_to_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    transcriber, message = auto.choose("en")
    assert transcriber.name == "sphinx"
    assert "rough" in message and "run once with the network: --transcriber whisper" in message
    transcriber, message = auto.choose("fr")
    assert transcriber.name == "none"
    assert message.startswith("no words: no transcriber for 'fr' is on this machine")
    monkeypatch.setattr(auto, "find_spec", lambda name: None)
    transcriber, message = auto.choose()
    assert transcriber.name == "none"
    assert "pip install 'hearfelt[whisper]'" in message and "--transcript FILE" in message


def test_auto_imports_no_recogniser() -> None:
    code = (
        "import sys; from hearfelt.transcribers import auto; auto.choose()\n"
        "print([m for m in ('faster_whisper', 'ctranslate2', 'pocketsphinx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"HF_HUB_CACHE": "/a"}, "/a"),
        ({"HUGGINGFACE_HUB_CACHE": "/b"}, "/b"),
        ({"HF_HOME": "/c"}, "/c/hub"),
        ({"XDG_CACHE_HOME": "/d"}, "/d/huggingface/hub"),
    ],
)
def test_the_cache_is_where_the_hub_client_has_it(environment: dict[str, str], folder: str) -> None:
    assert cache_folder(environment) == Path(folder)
    assert importlib.util.find_spec("huggingface_hub") is not None
    names = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME")
    clean = {key: value for key, value in os.environ.items() if key not in names}
    code = "from huggingface_hub.constants import HF_HUB_CACHE; print(HF_HUB_CACHE)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**clean, **environment}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == folder
