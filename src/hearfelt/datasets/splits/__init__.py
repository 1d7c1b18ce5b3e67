"""Who learns and who is asked: leave one out, grouped folds, official and EmoBox folds, cross-corpus.

Each kind gives a list of `Split`; `check` refuses splits that nothing can be learnt from; `card` says what a
score on them means: speakers, clips and sentences that training and test share.
"""

from hearfelt.datasets.splits.base import Split, check, speaker_overlap
from hearfelt.datasets.splits.card import SplitCard, card
from hearfelt.datasets.splits.emobox import emobox, keys, write_emobox
from hearfelt.datasets.splits.given import cross_corpus, leave_one_corpus_out, official
from hearfelt.datasets.splits.grouped import (
    group_folds,
    leave_one_group_out,
    leave_one_speaker_out,
    speaker_folds,
)

__all__ = [
    "Split",
    "SplitCard",
    "card",
    "check",
    "cross_corpus",
    "emobox",
    "group_folds",
    "keys",
    "leave_one_corpus_out",
    "leave_one_group_out",
    "leave_one_speaker_out",
    "official",
    "speaker_folds",
    "speaker_overlap",
    "write_emobox",
]
