"""Short forms of the soak tests; `make soak` runs them in full."""

from types import ModuleType

import pytest

from tools.soak import crash, day, load

LONG = ("training", "checkpointing", "corpus preparation", "sweeping")


@pytest.mark.parametrize(
    "activity", ["deleting", *(pytest.param(each, marks=pytest.mark.long) for each in LONG)]
)
def test_records_survive_a_kill(activity: str) -> None:
    row = crash.measure(activity, times=1)
    assert row.is_good(), row.problems


@pytest.mark.long
@pytest.mark.parametrize("module", [day, load])
def test_sixty_runs_and_five_sessions_leak_nothing(module: ModuleType) -> None:
    for row in module.rows(full=False):
        assert row.is_good(), row.problems


def test_each_leak_is_found() -> None:
    before = [
        {"runs": runs, "finished": runs, "memory_bytes": 500, "threads": 2, "handles": 9,
         "log_bytes": 100, "store_bytes": 12 * runs, "record_bytes": 10 * runs}
        for runs in range(10, 410, 10)
    ]  # fmt: skip
    assert day.find_problems(before, 400, full=True) == []
    leaks = {"finished": 399, "threads": 3, "handles": 10, "memory_bytes": 526, "log_bytes": 3300}
    for name, value in leaks.items():
        readings = [*before[:-3], *({**each, name: value} for each in before[-3:])]
        assert len(day.find_problems(readings, 400, full=True)) == 1, name
