"""The server is killed while it does each of five things, once; `make soak` does it 20 times."""

import pytest

from tools.soak.crash import row


@pytest.mark.parametrize(
    "activity", ["training", "checkpointing", "corpus preparation", "sweeping", "deleting"]
)
def test_what_was_recorded_stays_recorded(activity: str) -> None:
    found = row(activity, times=1)
    assert found.is_good(), found.problems
