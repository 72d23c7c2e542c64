"""Sixty short runs in one process; `make soak` makes 2,000, enough to judge memory."""

from tools.soak.day import problems, rows


def test_many_runs_leave_no_thread_and_no_file_open() -> None:
    (found,) = rows(full=False)
    assert found.is_good(), found.problems


def reading(runs: int, **changes: int) -> dict[str, int]:
    kept = {"memory_bytes": 500, "threads": 2, "handles": 9, "log_bytes": 100}
    kept |= {"store_bytes": 12 * runs, "record_bytes": 10 * runs}
    return {"runs": runs, "finished": runs, **kept, **changes}


def test_what_leaks_is_told() -> None:
    good = [reading(runs) for runs in range(10, 410, 10)]
    assert problems(good, 400, full=True) == []
    for last, told in (
        ({"finished": 399}, "399 of 400 runs finished"),
        ({"threads": 3}, "threads went from 2 to 3"),
        ({"handles": 10}, "handles went from 9 to 10"),
        ({"memory_bytes": 526}, "Memory grew by 5.2%"),
        ({"log_bytes": 3300}, "The store takes 8,100 bytes for 4,000"),
    ):
        leaking = [*good[:-3], *(reading(runs, **last) for runs in (380, 390, 400))]
        (problem,) = problems(leaking, 400, full=True)
        assert told in problem
