"""The Train page offers to resume what was interrupted."""

from collections.abc import Callable
from threading import Event

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared.state import get_manager, get_store
from s2s.config import TrainConfig
from s2s.records import RunState
from s2s.runs.execute import execute

Open = Callable[[str], AppTest]


@pytest.fixture(autouse=True)
def _nothing_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is queued waits for ever."""
    monkeypatch.setattr(get_manager(), "_enqueue", lambda _: None)


def interrupted(corpus: str, at: int = 3, **choices: object) -> int:
    few = {"iterations": 4300, "hidden_size": 8, "threads": 1, "device": "cpu"} | choices
    store, stop = get_store(), Event()
    run_id = store.create_run(TrainConfig(corpus=corpus, **few))  # type: ignore[arg-type]
    execute(store, run_id, stop, lambda each: stop.set() if each.iteration == at else None)
    return run_id


def labels(app: AppTest) -> list[str]:
    return [each.label for each in app.button]


def texts(app: AppTest) -> str:
    found = (*app.markdown, *app.caption, *app.error)
    return "\n".join(each.value for each in found).replace("\\", "")


def click(app: AppTest, key: str) -> AppTest:
    app = app.button(key).click().run()
    assert not app.exception, app.exception
    return app


def test_nothing_is_offered_where_nothing_was_interrupted(
    open_page: Open, add_corpus: Callable[[], str], train: Callable[[str], object]
) -> None:
    train(add_corpus())
    assert not {"Resume", "Leave it"} & set(labels(open_page("train")))


def test_an_interrupted_run_is_offered_and_resumed(
    open_page: Open, add_corpus: Callable[[], str]
) -> None:
    run_id = interrupted(add_corpus())
    app = open_page("train")
    assert "Run 1 was interrupted at iteration 3 of 4,300." in texts(app)
    app = click(app, f"offer_resume_{run_id}")
    run = get_store().run(run_id)
    assert (run.state, run.resumed_at) == (RunState.QUEUED, (3,))
    assert "was interrupted" not in texts(app)


def test_left_alone_it_can_still_be_resumed_below(
    open_page: Open, add_corpus: Callable[[], str]
) -> None:
    run_id = interrupted(add_corpus())
    app = click(open_page("train"), f"offer_leave_{run_id}")
    assert "Run 1 was interrupted" not in texts(app)
    assert len(get_store().steps(run_id)) == 3
    click(app, f"resume_{run_id}")
    assert get_store().run(run_id).state is RunState.QUEUED


def test_another_tab_was_faster(open_page: Open, add_corpus: Callable[[], str]) -> None:
    run_id = interrupted(add_corpus())
    app = open_page("train")
    get_manager().resume(run_id)
    app = click(app, f"offer_resume_{run_id}")
    assert "is queued; only an interrupted run can be resumed" in texts(app)


def test_a_whole_queue(open_page: Open) -> None:
    store = get_store()
    ids = [store.create_run(TrainConfig()) for _ in range(5)]
    for run_id in ids:
        store.interrupt_run(run_id, ())
    app = open_page("train")
    assert labels(app).count("Leave it") == 3
    assert "And 2 more." in texts(app)
    app = click(app, "offer_resume_all")
    assert {run.state for run in store.runs()} == {RunState.QUEUED}
    for run_id in ids:
        store.interrupt_run(run_id, ())
    click(app.run(), "offer_leave_all")
    assert all(run.dismissed for run in store.runs())


def tick() -> None:
    from pages.shared import status_bar as status

    status._line(live=False)


def test_a_run_of_a_killed_program_does_not_go_on_running_on_an_open_page(
    open_page: Open,
) -> None:
    """What every page does now and then while a run is said to go on."""
    store = get_store()
    run_id = store.create_run(TrainConfig())
    store.start_run(run_id, "cpu", {})
    assert "Training" in texts(open_page("train"))
    with store.transaction() as database:
        database.execute("UPDATE runs SET owner_start = 'gone'")
    app = AppTest.from_function(tick).run()
    assert not app.exception, app.exception
    assert store.run(run_id).state is RunState.INTERRUPTED
    assert "Nothing is training" in texts(app)
