"""All checks of a corpus in one: `check` gives a `Quality`, which is printed, written as JSON and drawn."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hearfelt.datasets.quality import clips, table
from hearfelt.datasets.quality.finding import SEVERITIES, Finding, place
from hearfelt.datasets.quality.giveaway import Association, associations
from hearfelt.datasets.quality.options import QualityOptions
from hearfelt.datasets.quality.sound import Measured
from hearfelt.errors import CorpusError
from hearfelt.types import Example


@dataclass(frozen=True, slots=True)
class Quality:
    """What was found in a corpus.

    Args:
        examples, measured: what was looked at, alike in order.
        findings: most severe first.
        associations: what gives the label away, strongest first.
    """

    examples: tuple[Example, ...]
    measured: tuple[Measured, ...]
    findings: tuple[Finding, ...]
    associations: tuple[Association, ...]

    def count(self, severity: str) -> int:
        """How many findings of a severity there are."""
        return sum(f.severity == severity for f in self.findings)

    def facts(self) -> dict[str, Any]:
        """How much of what there is: clips, hours, speakers, labels …"""
        speakers = {(e.corpus, e.speaker) for e in self.examples if e.speaker}
        return {
            "clips": len(self.examples),
            "hours": round(sum(m.duration_s for m in self.measured) / 3600, 3),
            "speakers": len(speakers),
            "labels": dict(sorted(Counter(e.gold or "none" for e in self.examples).items())),
            "languages": sorted({e.language for e in self.examples if e.language}),
            "corpora": sorted({e.corpus for e in self.examples if e.corpus}),
            "licences": sorted({e.licence for e in self.examples if e.licence}),
            "sentences": len({e.text for e in self.examples if e.text}),
        }

    def to_dict(self) -> dict[str, Any]:
        """Facts, findings, associations and the measures of each clip as plain JSON data."""
        rows = []
        for example, m in zip(self.examples, self.measured, strict=True):
            row = dataclasses.asdict(m)
            del row["fingerprint"]
            rows.append({"file": place(example), "gold": example.gold, "speaker": example.speaker} | row)
        return {
            "facts": self.facts(),
            "findings": [dataclasses.asdict(f) for f in self.findings],
            "associations": [dataclasses.asdict(a) for a in self.associations],
            "clips": rows,
        }


def check(
    examples: Sequence[Example],
    measured: Sequence[Measured],
    options: QualityOptions | None = None,
    *,
    more: Sequence[Finding] = (),
) -> Quality:
    """Everything that can be found without a model.

    Args:
        measured: from `hearfelt.datasets.quality.measure`, one an example.
        more: findings of others, such as `mislabelled`, to be sorted in.

    Raises:
        CorpusError: no examples, or another number of measures.
    """
    options = options or QualityOptions()
    if not examples or len(examples) != len(measured):
        raise CorpusError(
            f"{len(examples)} examples and {len(measured)} measures: give one measure for each of at least 1"
        )
    strengths = associations(examples, measured, shuffles=options.shuffles, seed=options.seed)
    strengths.sort(key=lambda a: -a.gain)
    found = [
        *clips.duplicates(examples, measured, options.near),
        *clips.sounds(examples, measured, options),
        *table.columns(examples),
        *table.labels(examples, options.few, options.imbalance),
        *table.parts(examples),
        *table.giveaways(strengths, {"text": any(e.text for e in examples)}),
        *more,
    ]
    found.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return Quality(tuple(examples), tuple(measured), tuple(found), tuple(strengths))
