"""Metrics and intervals, for any callable that answers with labels or probabilities."""
