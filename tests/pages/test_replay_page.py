"""The Replay page: from its button to its result, on plausible records."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared.state import get_scheduler, get_store
from s2s.config import SweepConfig
from s2s.records import RunState, SweepState
from s2s.store.sweeps import claim_sweep, queue_part, read_sweep
from s2s.sweeps.plan import create_sweep
from s2s.sweeps.replay import LONG_ITERATIONS, build_replay_config
from tests.plausible import evaluation, some_steps, summary

Open = Callable[[str], AppTest]


def test_the_button_starts_the_articles_comparison(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_sweep(get_store(), SweepConfig())  # not a replay, so not listed
    submitted: list[SweepConfig] = []

    def submit(config: SweepConfig) -> int:
        submitted.append(config)
        return create_sweep(get_store(), config)

    monkeypatch.setattr(get_scheduler(), "submit_sweep", submit)
    page = open_page("replay")
    page.segmented_control(key="replay_iterations").set_value(LONG_ITERATIONS).run()
    assert page.number_input(key=f"replay_repeats_{LONG_ITERATIONS}").value == 1
    page.segmented_control(key="replay_iterations").set_value(1000).run()
    page.number_input(key="replay_repeats_1000").set_value(2)  # a click right after it counts too
    page = page.button(key="start_replay").click().run()
    assert not page.exception
    assert submitted == [build_replay_config("starter", repeats=2)]
    assert [each.key for each in page.button] == ["continue_sweep"]


def test_a_replay_in_progress(open_page: Open) -> None:
    """One run is over, another is at its start; translations stand at every 1,000 iterations."""
    config = build_replay_config("starter", LONG_ITERATIONS)
    store = get_store()
    sweep_id = create_sweep(store, config)
    claim_sweep(store, sweep_id)
    sweep = read_sweep(store, sweep_id)
    first, second = sweep.parts[:2]
    run_config = sweep.build_run_config(first)
    done = queue_part(store, sweep, first)
    assert store.start_run(done, "cpu", {})
    store.write_steps(done, some_steps(20, first.batch_size))
    for iteration in (0, 500, 1000, 2000):
        store.add_evaluation(
            done, evaluation(iteration, 8.0 - iteration / 500, f"output {iteration}")
        )
    store.finish_run(done, summary(done, RunState.FINISHED, run_config, 2000))
    run_id = queue_part(store, sweep, second)
    assert store.start_run(run_id, "cpu", {})
    assert read_sweep(store, sweep_id).state is SweepState.RUNNING
    page = open_page("replay")
    assert not page.exception
    assert page.query_params["sweep"] == str(sweep_id)
    assert [button.key for button in page.button] == ["stop_sweep"]
    speeds, learning = (table.value for table in page.dataframe)
    assert speeds["Batch 2"].tolist()[-1] == "21.27"
    assert set(learning["Batch"]) == {"2", "32"}
    [table] = page.table
    assert table.value["Iteration"].tolist() == ["Reference", "0", "1,000", "2,000"]
    assert table.value.iloc[1:, 1].tolist() == ["output 0", "output 1000", "output 2000"]
    assert len(page.get("bidi_component")) == 2  # the loss by iterations and by samples
