"""Voice models at run time: a weights folder, numpy and onnxruntime; no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hearfelt.errors import ModelError, OptionError, unknown_name
from hearfelt.features import melfunctionals
from hearfelt.features.logmel import LogMel, LogMelOptions
from hearfelt.labels import felt
from hearfelt.types import Audio, Evidence, FloatArray, Segment

if TYPE_CHECKING:
    import onnxruntime

_NEEDED = ("name", "kind", "labels", "sample_rate_hz", "features", "temperature", "licence")
_SILENT = 1e-4
"""Sound whose loudest sample is below this (-80 dBFS) is silence."""


PRECISIONS: Mapping[str, str] = {"float32": "model.onnx", "int8": "model-int8.onnx"}
"""Name to the file of a weights folder."""


@dataclass(frozen=True)
class VoiceOptions:
    """How `VoiceModel` runs.

    Args:
        threads: of onnxruntime inside one prediction.
        min_speech_s: shorter sounds get no verdict (uniform probabilities, reliability 0).
        window_s: longer sounds are cut into equal parts of at most this length, whose logits are averaged.
        batch: parts that run together.
        precision: of `PRECISIONS`: ``int8`` runs the quantised file of a folder that has one.

    Raises:
        OptionError: an unknown precision.
    """

    threads: int = 1
    min_speech_s: float = 0.1
    window_s: float = 30.0
    batch: int = 16
    precision: str = "float32"

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise unknown_name("precision", self.precision, PRECISIONS)


class VoiceModel:
    """Emotion from the voice alone. Load with `load`, ask with `predict`; safe to share between threads."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        card: Mapping[str, Any],
        options: VoiceOptions | None = None,
    ) -> None:
        self.card = dict(card)
        self.options = options or VoiceOptions()
        self.labels = tuple(card["labels"])
        self._session = session
        self._outputs = [output.name for output in session.get_outputs()]
        self._reads_functionals = "functionals" in [given.name for given in session.get_inputs()]
        self._extract = LogMel(LogMelOptions(**card["features"]["options"]))

    @classmethod
    def load(cls, folder: Path | str, options: VoiceOptions | None = None) -> VoiceModel:
        """The model in a folder with ``model.onnx`` and ``model.json``.

        Raises:
            ModelError: a file is missing or broken, or the model is not a voice model of this package.
        """
        folder, options = Path(folder), options or VoiceOptions()
        card = read_card(folder)
        if card["kind"] != "voice":
            raise ModelError(
                f"{folder} holds a model of kind {card['kind']!r}: a voice model has kind 'voice'"
            )
        space = LogMel().space
        if card["features"].get("space") != space:
            raise ModelError(
                f"{folder} needs features of space {card['features'].get('space')!r}, this hearfelt makes "
                f"{space!r}: take weights of this version"
            )
        if card.get("functionals", melfunctionals.SPACE) != melfunctionals.SPACE:
            raise ModelError(
                f"{folder} needs functionals of space {card['functionals']!r}, this hearfelt makes "
                f"{melfunctionals.SPACE!r}: take weights of this version"
            )
        session = _session(folder / PRECISIONS[options.precision], options.threads)
        try:
            return cls(session, card, options)
        except (OptionError, TypeError, KeyError) as error:
            raise ModelError(
                f"{folder / 'model.json'} describes features that cannot be made: {error}"
            ) from None

    @property
    def name(self) -> str:
        """Name of the weights."""
        return str(self.card["name"])

    def predict(self, audios: Sequence[Audio]) -> list[Evidence]:
        """Evidence of each sound, in order.

        Its dimensions are the network's own where it was trained on ratings (``card["dimensions"]`` says
        so), else derived from its probabilities.

        Args:
            audios: one utterance each, at ``card["sample_rate_hz"]``; silence at both ends does no harm.

        Raises:
            FeatureError: another sample rate, or samples that are not finite.
        """
        reasons = [unheard(audio, self.options.min_speech_s) for audio in audios]
        heard = [i for i, reason in enumerate(reasons) if reason is None]
        answers = dict(zip(heard, self._answers([audios[i] for i in heard]), strict=True))
        return [self._evidence(audio, answers.get(i), reasons[i] or "") for i, audio in enumerate(audios)]

    def logits(self, audios: Sequence[Audio]) -> FloatArray:
        """Raw outputs of the network, before temperature and softmax, shape ``(n_sounds, n_labels)``."""
        return self._answers(audios)[:, : len(self.labels)]

    def _answers(self, audios: Sequence[Audio]) -> FloatArray:
        """A row a sound: the logits, then arousal, valence, dominance where the network gives them."""
        parts: list[FloatArray] = []
        owners: list[int] = []
        longest = round(self.options.window_s / self._extract.options.hop_ms * 1000)
        for number, audio in enumerate(audios):
            logmel = self._extract(audio).values
            pieces = np.array_split(logmel, -(-len(logmel) // longest))
            parts += pieces
            owners += [number] * len(pieces)
        found = self._run(parts)
        weights = np.array([len(part) for part in parts], dtype=np.float32)[:, None]
        sums = np.zeros((len(audios), found.shape[1]), dtype=np.float32)
        totals = np.zeros((len(audios), 1), dtype=np.float32)
        np.add.at(sums, owners, found * weights)
        np.add.at(totals, owners, weights)
        return np.asarray(sums / np.maximum(totals, 1), dtype=np.float32)

    def _run(self, parts: Sequence[FloatArray]) -> FloatArray:
        """All outputs for each log-mel, side by side.

        Parts of like length share a batch; the network ignores the padding.
        """
        columns = len(self.labels) + (3 if "dimensions" in self._outputs else 0)
        found = np.empty((len(parts), columns), dtype=np.float32)
        order = sorted(range(len(parts)), key=lambda i: len(parts[i]))
        for first in range(0, len(order), self.options.batch):
            group = order[first : first + self.options.batch]
            lengths = np.array([len(parts[i]) for i in group], dtype=np.int64)
            padded = np.zeros(
                (len(group), int(lengths.max()), self._extract.options.n_mels), dtype=np.float32
            )
            for row, i in enumerate(group):
                padded[row, : len(parts[i])] = parts[i]
            given = {"logmel": padded, "lengths": lengths}
            if self._reads_functionals:
                hop_s = self._extract.options.hop_ms / 1000
                given["functionals"] = np.stack([melfunctionals.functionals(parts[i], hop_s) for i in group])
            outputs = self._session.run(self._outputs, given)
            found[group] = np.concatenate(outputs, axis=1)
        return found

    def _evidence(self, audio: Audio, answer: FloatArray | None, note: str) -> Evidence:
        segment = Segment(audio.start_s, audio.end_s, None, audio.channel)
        source = f"voice/{self.name}"
        if answer is None:
            flat = [1 / len(self.labels)] * len(self.labels)
            return Evidence(source, segment, felt(self.labels, flat), 0.0, note)
        scaled = answer[: len(self.labels)].astype(np.float64) / float(self.card["temperature"])
        shares = np.exp(scaled - scaled.max())
        probabilities = (shares / shares.sum()).tolist()
        found = felt(self.labels, probabilities)
        if len(answer) > len(self.labels):
            arousal, valence, dominance = (float(value) for value in answer[len(self.labels) :])
            found = replace(found, arousal=arousal, valence=valence, dominance=dominance)
        reliability = float(self.card.get("reliability", 1.0))
        return Evidence(source, segment, found, reliability)


def unheard(audio: Audio, min_speech_s: float) -> str | None:
    """Why a sound gets no verdict; None where it can be judged."""
    if audio.duration_s < min_speech_s:
        return f"{audio.duration_s:.2f} s is too short to judge: {min_speech_s} s are needed"
    if np.abs(audio.samples).max() < _SILENT:
        return "silence: nothing to judge"
    return None


def read_card(folder: Path, needed: Sequence[str] = _NEEDED) -> dict[str, Any]:
    """What ``model.json`` says; it must have the keys ``needed``.

    Raises:
        ModelError: no such file, or it lacks what a card must say.
    """
    path = folder / "model.json"
    if not path.is_file():
        raise ModelError(f"there is no model in {folder}: a weights folder holds model.json and the weights")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read ({error}): restore the weights folder") from None
    missing = [key for key in needed if not isinstance(card, dict) or key not in card]
    if missing:
        raise ModelError(f"{path} lacks {', '.join(missing)}: restore the weights folder")
    return dict(card)


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    import onnxruntime

    if not path.is_file():
        way = "restore the weights folder"
        if path.name == PRECISIONS["int8"]:
            way = "take float32, or make it by hearfelt models publish RUN --int8"
        raise ModelError(f"{path} is missing: {way}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises a family of its own that has no public base class
        raise ModelError(
            f"{path} is no model that onnxruntime can run ({error}): restore the weights folder"
        ) from None
    if [i.name for i in session.get_inputs()][:2] != ["logmel", "lengths"]:
        raise ModelError(f"{path} is not a voice model: its inputs must be logmel and lengths")
    return session
