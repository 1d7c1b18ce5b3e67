"""What raters said: gold by majority, soft labels, how far raters agree, whom to believe."""

from hearfelt.datasets.votes.agreement import Agreement, agreement, alpha, alpha_interval, rater_agreement
from hearfelt.datasets.votes.dawid_skene import DawidSkene, dawid_skene
from hearfelt.datasets.votes.gold import label, majority, shares
from hearfelt.datasets.votes.table import Votes, arrays

__all__ = [
    "Agreement",
    "DawidSkene",
    "Votes",
    "agreement",
    "alpha",
    "alpha_interval",
    "arrays",
    "dawid_skene",
    "label",
    "majority",
    "rater_agreement",
    "shares",
]
