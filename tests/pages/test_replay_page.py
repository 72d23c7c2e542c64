"""The page Replay: from its button to its verdict, on real small runs and on plausible ones."""

import dataclasses
from collections.abc import Callable
from threading import Event

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import state as shared
from s2s.config import SweepConfig
from s2s.records import RunState, SweepState
from s2s.store.sweeps import create_sweep, read_sweep, read_sweeps, take
from s2s.sweeps.replay import ITERATIONS, LONG_ITERATIONS, is_replay, replay_config
from s2s.sweeps.runner import run_sweep
from tests.plausible import evaluation, some_steps, summary

Open = Callable[[str], AppTest]


@pytest.fixture
def replayed(add_corpus: Callable[..., str]) -> int:
    """Six iterations of each, once; its id."""
    config = replay_config(add_corpus(), iterations=6, repeats=1, threads=1, device="cpu")
    sweep_id = create_sweep(shared.store(), config)
    take(shared.store(), sweep_id)
    for _ in run_sweep(shared.store(), sweep_id, Event()):
        pass
    return sweep_id


def paragraphs(page: AppTest) -> str:
    assert not page.exception, page.exception
    return "\n".join(each.value for each in page.markdown)


def captions(page: AppTest) -> str:
    assert not page.exception, page.exception
    return "\n".join(each.value for each in page.caption)


def test_the_button_starts_the_articles_comparison(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[SweepConfig] = []

    def submit(config: SweepConfig) -> int:
        asked.append(config)
        return create_sweep(shared.store(), config)

    monkeypatch.setattr(shared.manager(), "submit_sweep", submit)
    page = open_page("replay")
    [button] = page.button
    assert button.label == "Replay the article"
    assert "12 runs: " in captions(page)
    page.number_input(key="replay_repeats_1000").set_value(2)  # a click right after it counts too
    page = button.click().run()
    assert asked == [replay_config("starter", repeats=2)]
    assert "Here not known yet" in page.subheader[0].value
    assert "0 of 8 runs are done" in paragraphs(page)
    assert [each.label for each in page.button] == ["Go on"]  # nobody does it


def test_a_long_one_has_one_repeat_unless_asked(open_page: Open) -> None:
    page = open_page("replay")
    page.segmented_control(key="replay_iterations").set_value(LONG_ITERATIONS).run()
    assert page.number_input(key=f"replay_repeats_{LONG_ITERATIONS}").value == 1
    assert "4 runs: " in captions(page)
    page.segmented_control(key="replay_iterations").set_value(ITERATIONS).run()
    assert "12 runs: " in captions(page)


def test_a_finished_replay(open_page: Open, replayed: int) -> None:
    page = open_page("replay")
    said = paragraphs(page)
    assert "Computed as the article computes, batch 32 trains on" in said
    assert "One repeat alone gives no interval" in said
    assert page.subheader[0].value.endswith(" here, 10.7x in the article")
    speeds, learnt = (table.value for table in page.dataframe)
    assert speeds["engine"].tolist() == ["article, here", "fused, here", "the article, Tesla K80"]
    assert speeds["small"].tolist()[-1] == "21.27"
    assert learnt["batch_size"].tolist() == [2, 32, 2, 32]
    assert learnt["samples"].tolist() == [12, 192, 12, 192]
    assert len(page.get("bidi_component")) == 2  # the loss by iterations and by samples
    assert [tab.label for tab in page.tabs] == [
        "article, batch 2", "article, batch 32", "fused, batch 2", "fused, batch 32"
    ]  # fmt: skip
    for table in page.table:
        assert table.value["After"].tolist() == ["reference", "0", "6"]
    assert page.query_params["sweep"] == str(replayed)
    assert not [button for button in page.button if button.label in ("Stop", "Go on")]


def test_a_long_replay_that_goes_on(open_page: Open) -> None:
    """One run is over, another is at its start; translations stand at every 1,000 iterations."""
    config = replay_config("starter", LONG_ITERATIONS)
    store = shared.store()
    sweep_id = create_sweep(store, config)
    take(store, sweep_id)
    first, second = read_sweep(store, sweep_id).parts[:2]
    choices = config.run_config(first.engine, first.batch_size, 0)
    done = store.create_run(choices, sweep_id=sweep_id)
    assert store.start_run(done, "cpu", {})
    store.write_steps(done, some_steps(20, first.batch_size))
    for iteration in (0, 500, 1000, 2000):
        store.add_evaluation(
            done, evaluation(iteration, 8.0 - iteration / 500, f"said {iteration}")
        )
    store.finish_run(done, RunState.FINISHED, summary(done, RunState.FINISHED, choices, 2000))
    going = config.run_config(second.engine, second.batch_size, 0)
    run_id = store.create_run(going, sweep_id=sweep_id)
    assert store.start_run(run_id, "cpu", {})
    assert read_sweep(store, sweep_id).state is SweepState.RUNNING
    page = open_page("replay")
    assert "1 of 4 runs are done" in paragraphs(page)
    assert [button.label for button in page.button] == ["Stop"]
    [table] = page.table
    assert table.value["After"].tolist() == ["reference", "0", "1,000", "2,000"]
    assert table.value.iloc[:, 1].tolist() == [
        "i see everything \\.",
        "said 0",
        "said 1000",
        "said 2000",
    ]
    assert "The first ones come with the first evaluation." in [each.value for each in page.caption]
    assert len(page.get("bidi_component")) == 2


def test_stop_and_go_on(open_page: Open, replayed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    store = shared.store()
    config = dataclasses.replace(read_sweep(store, replayed).config, repeats=2)
    sweep_id = create_sweep(store, config)
    resumed: list[int] = []
    monkeypatch.setattr(shared.manager(), "resume_sweep", resumed.append)
    page = open_page("replay")
    [go_on] = [button for button in page.button if button.label == "Go on"]
    go_on.click().run()
    assert resumed == [sweep_id]
    take(store, sweep_id)
    stopped: list[int] = []
    monkeypatch.setattr(shared.manager(), "stop_sweep", stopped.append)
    page = open_page("replay")
    [stop] = [button for button in page.button if button.label == "Stop"]
    stop.click().run()
    assert stopped == [sweep_id]


def test_only_replays_are_listed(open_page: Open) -> None:
    create_sweep(shared.store(), SweepConfig())
    page = open_page("replay")
    assert not page.exception
    assert not [each for each in page.selectbox if each.key == "shown_sweep"]
    assert not any(is_replay(sweep.config) for sweep in read_sweeps(shared.store()))
