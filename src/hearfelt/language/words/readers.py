"""Several text models, each for its languages: every text goes to the one that reads it."""

from __future__ import annotations

from collections.abc import Sequence

from hearfelt.errors import OptionError
from hearfelt.language.words import identify
from hearfelt.language.words.text import TextModel
from hearfelt.types import Evidence, Segment


class Readers:
    """The contract of `TextModel` over the languages of all of its models.

    Args:
        models: at least one; where two read a text, the first does.

    Attributes:
        models: as they were given.
        languages: ISO 639-1 codes of all languages that are read.

    Raises:
        OptionError: there is none.
    """

    def __init__(self, models: Sequence[TextModel]) -> None:
        if not models:
            raise OptionError("no text model was given: name at least one, or none by words='none'")
        self.models = tuple(models)
        self.languages = tuple(dict.fromkeys(code for model in models for code in model.languages))

    def predict(
        self, items: Sequence[tuple[str, Segment]], language: str | None = None
    ) -> list[Evidence | None]:
        """Evidence of each text, None where no model reads it; see `TextModel.predict`."""
        dialogue = identify.code(language) or self.dialogue_language([text for text, _ in items])
        found: list[Evidence | None] = []
        for text, segment in items:
            model = self._reader(text, dialogue)
            found.append(model.predict([(text, segment)], dialogue)[0] if model else None)
        return found

    def dialogue_language(self, texts: Sequence[str]) -> str | None:
        """The language of several texts taken together, None where one cannot tell."""
        return self.models[0].dialogue_language(texts)

    def why_not(self, text: str, language: str | None = None) -> str:
        """Why no model reads a text, as a sentence; empty where one does."""
        dialogue = identify.code(language) or self.dialogue_language([text])
        if self._reader(text, dialogue):
            return ""
        nearest = max(self.models, key=lambda model: model.scheme.script_share(text))
        said = nearest.why_not(text, dialogue)
        own = " and ".join(identify.name(code) for code in nearest.languages)
        every = " and ".join(identify.name(code) for code in self.languages)
        if len(self.models) == 1:
            return said
        return said.replace(f"the text model reads {own} only", f"the text models read {every} only")

    def _reader(self, text: str, dialogue: str | None) -> TextModel | None:
        return next((model for model in self.models if not model.why_not(text, dialogue)), None)
