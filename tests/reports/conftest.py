"""The sample call and reports at the edge, for all tests of the room."""

from __future__ import annotations

import pytest

from hearfelt.types import Report
from tests.reports.sample_call import sample


@pytest.fixture(scope="session")
def call() -> Report:
    """A support call of a minute: two channels, sixteen utterances."""
    return sample()
