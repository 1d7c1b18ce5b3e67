"""What we learn from: the table of examples, corpora, splits, augmentation."""
