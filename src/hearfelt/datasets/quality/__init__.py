"""What is wrong with a corpus: its sounds, its labels, and what gives the labels away.

`measure` listens to every example once; `check` turns a table and its measures into findings. Both are
functions of the table: nothing is changed or deleted.
"""

from hearfelt.datasets.quality.checks import Quality, check
from hearfelt.datasets.quality.finding import SEVERITIES, Finding
from hearfelt.datasets.quality.giveaway import Association, associate
from hearfelt.datasets.quality.labels import mislabelled
from hearfelt.datasets.quality.near import near_duplicates
from hearfelt.datasets.quality.options import QualityOptions
from hearfelt.datasets.quality.reading import left_out, own_labels
from hearfelt.datasets.quality.sound import Measured, Store, hashes, measure

__all__ = [
    "SEVERITIES",
    "Association",
    "Finding",
    "Measured",
    "Quality",
    "QualityOptions",
    "Store",
    "associate",
    "check",
    "hashes",
    "left_out",
    "measure",
    "mislabelled",
    "near_duplicates",
    "own_labels",
]
