"""What raters said: gold by majority, soft labels, how far raters agree, whom to believe."""

from hearfelt.datasets.votes.agreement import (
    Agreement,
    agreement,
    alpha,
    alpha_interval,
    label_alphas,
    rater_agreement,
)
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
    "label_alphas",
    "majority",
    "rater_agreement",
    "shares",
]
