"""A compact Transformer learnt from nothing: it hears, reads, or both, and writes what was felt."""
