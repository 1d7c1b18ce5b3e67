"""Under which licence weights may go: that of the corpora they learnt from, the strictest of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hearfelt.datasets.corpora import CORPORA
from hearfelt.errors import LicenceError, OptionError

UNPUBLISHED = "unpublished, ask the owner of the recordings"
"""Licence of a corpus of which nobody says one."""

ORDER = (
    "CC0 1.0",
    "MIT",
    "Apache-2.0",
    "CC BY 4.0",
    "CC BY-SA 4.0",
    "ODbL 1.0",
    "GPL-3.0",
    "CC BY-NC 4.0",
    "CC BY-NC-SA 4.0",
    "CC BY-NC-ND 4.0",
    "research only",
    "not stated",
)
"""Licences from the freest to the strictest."""

PRODUCTS = ("CC0 1.0", "MIT", "Apache-2.0", "CC BY 4.0")
"""Those under which weights may be used in commercial products with no more than a name given."""


def of_corpora(
    names: Sequence[str], stated: Mapping[str, Sequence[str]], given: str | None = None
) -> dict[str, str]:
    """The licence of each corpus: a known one's own, else the given one, else what its table states.

    Args:
        names: of the corpora that were learnt from.
        stated: name to the licences that stand in the table of the corpus.
        given: what the owner of the recordings says, for corpora that are not known here.

    Raises:
        OptionError: a licence is given and every corpus is known here.
    """
    own = [name for name in names if name not in CORPORA]
    if given is not None and not own:
        known = ", ".join(f"{name} {CORPORA[name].licence}" for name in names)
        raise OptionError(
            f"--licence {given!r}: the licences of these corpora are known ({known}): leave it out"
        )
    return {
        name: given or "; ".join(sorted(set(stated.get(name, ())))) or UNPUBLISHED
        if name in own
        else CORPORA[name].licence
        for name in names
    }


def strictest(licences: Mapping[str, str]) -> str:
    """The licence that weights of these corpora carry.

    The strictest of `ORDER`; where one is not there, all of them, each to be kept.
    """
    each = list(dict.fromkeys(licences.values()))
    if not each or UNPUBLISHED in each:
        return UNPUBLISHED
    if all(one in ORDER for one in each):
        return max(each, key=ORDER.index)
    return "; ".join(each)


def allows_products(licences: Mapping[str, str], *, own_may: bool = False) -> bool:
    """Whether the weights may be used in commercial products.

    Args:
        own_may: the owner of the recordings that are not known here allows it.

    Raises:
        LicenceError: the owner allows it, and a known corpus does not, or none of the corpora is theirs.
    """
    own = [name for name in licences if name not in CORPORA]
    known = [name for name in licences if name in CORPORA and licences[name] not in PRODUCTS]
    if own_may and (known or not own):
        why = f"{known[0]} is {licences[known[0]]}" if known else "none of the recordings is your own"
        raise LicenceError(f"these weights may not be marked for products: {why}; leave --commercial out")
    if known:
        return False
    return bool(licences) and all(own_may or licences[name] in PRODUCTS for name in own)
