"""Sixty short runs in one process; `make soak` makes 2,000, enough to judge memory."""

from tests.soak.day import rows


def test_many_runs_leave_no_thread_and_no_file_open() -> None:
    (found,) = rows(full=False)
    assert found.is_good(), found.problems
