"""What we learn from: the table of examples, corpora, formats, votes, label maps, splits, augmentation."""

from hearfelt.datasets.formats import read, recognise, write

__all__ = ["read", "recognise", "write"]
