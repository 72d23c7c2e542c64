"""Code shared by the pages: cached records and figures, lazy imports."""

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import navigation
from pages.shared.state import get_store, read_records
from pages.train import live
from s2s.analysis.run.steps import LossScale
from s2s.config import TrainConfig
from s2s.records import DeviceSample, RunState
from s2s.store import Store
from tests.plausible import add_started_run, evaluation, some_steps

ROOT = Path(__file__).parents[2]
SESSIONS = 8


def test_records_grow_with_the_store_and_are_read_anew_after_a_resume() -> None:
    store = get_store()
    run_id = add_started_run(store, TrainConfig(batch_size=2), count=20)
    assert [len(each) for each in read_records(run_id)] == [20, 2, 2]
    # The writer replaces its last block by a longer one, then begins another.
    store.write_steps(run_id, some_steps(30, 2))
    store.write_steps(run_id, some_steps(45, 2)[30:])
    store.add_evaluation(run_id, evaluation(40, 5.0))
    times = [1002.0, 500.0, 500.0, 501.0]  # the clock is set back, which must lose no sample
    for at in times:
        store.add_device_samples(run_id, [DeviceSample(at, "cpu", None, 9, None, None)])
        steps, evaluations, samples = read_records(run_id)
    assert steps.tolist() == some_steps(45, 2).tolist()
    assert [each.iteration for each in evaluations] == [0, 20, 40]
    assert [each.at for each in samples[2:]] == times
    store.interrupt_run(run_id, [])
    store.requeue_run(run_id, 10, [10])
    changed = some_steps(30, 2)
    changed["seconds"] += 1.0
    store.write_steps(run_id, changed[10:])
    assert read_records(run_id)[0]["seconds"][15] == changed["seconds"][15]


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of steps at each time that live figures were computed."""
    counts: list[int] = []
    build = live._build_content

    def count(run, scale):  # type: ignore[no-untyped-def]
        counts.append(len(read_records(run.id)[0]))
        return build(run, scale)

    monkeypatch.setattr(live, "_build_content", count)
    return counts


def content(run_id: int) -> live.LiveContent | None:
    return live.get_live_content(get_store(), get_store().run(run_id), LossScale.TOKEN)


def test_sessions_share_the_live_content_of_a_run(built: list[int]) -> None:
    run_id = add_started_run(get_store(), TrainConfig())
    barrier = threading.Barrier(SESSIONS)

    def session(_: int) -> live.LiveContent | None:
        barrier.wait()
        return content(run_id)

    with ThreadPoolExecutor(SESSIONS) as sessions:
        seen = list(sessions.map(session, range(SESSIONS)))
    assert built == [20]
    assert seen[0] is not None
    assert all(each is seen[0] for each in seen)


def test_live_content_is_reused_for_a_while_unless_the_state_changes(
    built: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = get_store()
    run_id = add_started_run(store, TrainConfig())
    content(run_id)
    store.write_steps(run_id, some_steps(30, 32))
    content(run_id)
    assert built == [20]
    store.request_stop(run_id)
    content(run_id)
    assert built == [20, 30]
    monkeypatch.setattr(live, "MIN_REUSE_SECONDS", 0.0)
    monkeypatch.setattr(live, "MIN_REUSE_FACTOR", 0.0)
    live._get_cached_content.cache_clear()
    for count in (40, 50, 50):
        store.write_steps(run_id, some_steps(count, 32))
        content(run_id)
    assert built == [20, 30, 40, 50]


def test_a_refresh_does_not_list_all_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """With thousands of runs that takes longer than the rest of a refresh."""
    run_id = add_started_run(get_store(), TrainConfig())
    monkeypatch.setattr(Store, "runs", None)
    navigation._show_activity(is_live_page=False)
    live._refresh(run_id, LossScale.TOKEN, ((run_id, RunState.RUNNING),))


OPEN = """
import sys
from streamlit.testing.v1 import AppTest

for page in sys.argv[1:]:
    app = AppTest.from_file("dashboard.py", default_timeout=60)
    app.switch_page(f"pages/{page}/{page}.py").run()
    assert not app.exception, app.exception
    print(app.title[0].value, "torch" in sys.modules)
"""


@pytest.mark.usefixtures("trained_run")
def test_pages_that_only_read_do_not_import_torch() -> None:
    """Its import takes seconds."""
    pages = ["translate", "corpora", "system"]
    command = [sys.executable, "-c", OPEN, *pages]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [word for each in pages for word in (each.title(), "False")], (
        done.stderr
    )


@pytest.mark.parametrize("name", [name for name, _, _ in navigation.PAGES])
def test_only_the_status_bar_is_above_the_title(
    open_page: Callable[[str], AppTest], name: str
) -> None:
    """Streamlit's magic would also show the docstrings of constants in the page's script."""
    _, title, *_ = open_page(name).main.children.values()
    assert title.type == "title"
