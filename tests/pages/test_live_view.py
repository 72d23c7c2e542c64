"""The live page's figures: worked out once for all who look on, and ticks that stay cheap."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pages.shared import state as shared
from pages.shared import status_bar as status
from pages.train import live as watch
from pages.train import live_view
from s2s.analysis.run.steps import LossScale
from s2s.config import TrainConfig
from s2s.records import RunState
from s2s.store.runs import Store
from tests.plausible import some_steps, started

SESSIONS = 8


@pytest.fixture
def worked_out(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The iterations of each view that was worked out."""
    made: list[int] = []
    work_out = live_view._figures

    def counted(run, steps, *rest):  # type: ignore[no-untyped-def]
        made.append(len(steps))
        return work_out(run, steps, *rest)

    monkeypatch.setattr(live_view, "_figures", counted)
    return made


def look(run_id: int) -> live_view.Figures | None:
    store = shared.store()
    return live_view.figures(store, store.run(run_id), LossScale.TOKEN)


def test_sessions_at_one_time_share_one_view(worked_out: list[int]) -> None:
    run_id = started(shared.store(), TrainConfig())
    together = threading.Barrier(SESSIONS)

    def session(_: int) -> live_view.Figures | None:
        together.wait()
        return look(run_id)

    with ThreadPoolExecutor(SESSIONS) as sessions:
        seen = list(sessions.map(session, range(SESSIONS)))
    assert worked_out == [20]
    assert all(each is seen[0] for each in seen)
    assert seen[0] is not None


def test_a_view_lasts_a_moment_and_a_change_of_state_ends_it(
    worked_out: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = shared.store()
    run_id = started(store, TrainConfig())
    look(run_id)
    store.write_steps(run_id, some_steps(30, 32))
    look(run_id)
    assert worked_out == [20]
    store.request_stop(run_id)
    look(run_id)
    assert worked_out == [20, 30]
    monkeypatch.setattr(live_view, "LASTS_SECONDS", 0.0)
    monkeypatch.setattr(live_view, "LASTS_TIMES", 0.0)
    store.write_steps(run_id, some_steps(40, 32))
    live_view._shared.cache_clear()
    look(run_id)
    store.write_steps(run_id, some_steps(50, 32))
    look(run_id)
    look(run_id)  # nothing is new
    assert worked_out == [20, 30, 40, 50]


def test_a_tick_does_not_list_all_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of thousands that takes longer than all else of a tick."""
    run_id = started(shared.store(), TrainConfig())
    monkeypatch.setattr(Store, "runs", None)
    status._line(live=False)
    watch._tick(run_id, LossScale.TOKEN, ((run_id, RunState.RUNNING),))
