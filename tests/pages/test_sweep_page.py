"""The Sweep page: its form, a sweep from start to end, and what it shows of one."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared.state import get_estimator, get_scheduler, get_store
from pages.sweep import form as sweep_form
from s2s.analysis.run.anatomy import PARTS
from s2s.analysis.run.steps import Axis
from s2s.config import Budget, Precision, SweepConfig, TrainConfig
from s2s.records import Evaluation, RunState, SampleTranslation, SweepState
from s2s.store.sweeps import claim_sweep, queue_part, read_sweep, read_sweeps
from s2s.sweeps.plan import create_sweep
from tests import plausible, studies
from tests.tiny import wait_until

DASHBOARD = Path(__file__).parents[2] / "dashboard.py"
OpenPage = Callable[[str], AppTest]


def keys(page: AppTest) -> list[str | None]:
    return [button.key for button in page.button]


def finished(corpus: str = "starter") -> int:
    """A sweep of two sizes with plausible records; returns its id."""
    store = get_store()
    base = TrainConfig(corpus=corpus, device="cpu", sentences=("je vois *tout* .",))
    config = SweepConfig(
        base=base, batch_sizes=(2, 8), repeats=1, budget=Budget.ITERATIONS, amount=20
    )
    sweep_id = create_sweep(store, config)
    sweep = read_sweep(store, sweep_id)
    for part in sweep.parts:
        run = sweep.build_run_config(part)
        run_id = queue_part(store, sweep, part)
        store.start_run(run_id, "cpu", {})
        for iteration in (0, 20):
            sample = SampleTranslation("je vois *tout* .", "", f"i see {iteration}")
            store.add_evaluation(run_id, Evaluation(iteration, 0.1 * iteration, 5.0, (sample,)))
        summary = plausible.summary(run_id, RunState.FINISHED, run, 20)
        phases = dict.fromkeys(PARTS, 0.001 * part.batch_size)
        store.finish_run(run_id, dataclasses.replace(summary, phase_seconds=phases))
    return sweep_id


def test_a_bad_batch_size_is_one_error(open_page: OpenPage) -> None:
    page = open_page("sweep")
    assert not page.exception
    assert "start_sweep" in keys(page)
    page.multiselect(key="sweep_sizes").set_value(["2", "x"]).run()
    assert len(page.error) == 1
    assert "start_sweep" not in keys(page)


def test_the_form_becomes_the_sweep(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted: list[SweepConfig] = []

    def submit(config: SweepConfig) -> int:
        submitted.append(config)
        return studies.save(get_store())

    older = studies.save(get_store())
    monkeypatch.setattr(get_scheduler(), "submit_sweep", submit)
    page = open_page("sweep")
    assert page.selectbox(key="selected_sweep").value == older
    page.session_state[sweep_form.OPEN_KEY] = True
    page = page.run()
    page.multiselect(key="sweep_sizes").set_value(["4", "16"])
    page.multiselect(key="sweep_engines").set_value(["fused", "article"])
    page.number_input(key="sweep_repeats").set_value(5)
    page.selectbox(key="sweep_optimizer").set_value("adam")
    page.number_input(key="sweep_learning_rate").set_value(0.002)
    page.number_input(key="sweep_hidden_size").set_value(64)
    page.number_input(key="sweep_threads").set_value(1)
    page.text_area(key="sweep_sentences").set_value(" je vois .\n\ntu vois")
    page.button_group(key="sweep_learning_rate_rule").set_value("linear")
    page.checkbox(key="sweep_grow_until_oom").set_value(True)
    page.checkbox(key="sweep_keep_all_weights").set_value(True)
    page = page.button_group(key="sweep_budget").set_value("target").run()
    page.number_input(key="sweep_amount_target").set_value(9000.0)
    page = page.run()
    page.number_input(key="sweep_target").set_value(2.5)  # a click right after it counts too
    page = page.button(key="start_sweep").click().run()
    assert not page.exception, page.exception
    base = TrainConfig(
        optimizer="adam",
        learning_rate=0.002,
        hidden_size=64,
        threads=1,
        sentences=("je vois .", "tu vois"),
    )
    assert submitted == [
        SweepConfig(
            base=base, batch_sizes=(4, 16), grow_until_oom=True, engines=("fused", "article"),
            repeats=5, learning_rate_rule="linear", budget="target", amount=9000, target_loss=2.5,
            keep_all_weights=True,
        )
    ]  # fmt: skip
    assert page.selectbox(key="selected_sweep").value != older
    assert not page.session_state[sweep_form.OPEN_KEY]


def test_a_sweep_runs_from_the_page_to_a_recommendation(
    open_page: OpenPage, add_corpus: Callable[..., str]
) -> None:
    corpus = add_corpus()
    page = open_page("sweep")
    page.selectbox(key="sweep_corpus").set_value(corpus)
    page.multiselect(key="sweep_sizes").set_value(["4", "8"])
    page.number_input(key="sweep_repeats").set_value(1)
    page.number_input(key="sweep_amount_samples").set_value(64.0)
    page.selectbox(key="sweep_precision").set_value(Precision.BF16).run()
    wait_until(lambda: get_estimator().devices() != [], 120)
    page.button(key="sweep_estimate").click().run()
    config = page.session_state["sweep_estimate_of"]
    assert config.base.precision is Precision.BF16
    wait_until(lambda: get_estimator().estimate_sweep(config, ()) is not None, 120)
    page.run()
    page.button(key="start_sweep").click().run()
    assert not page.exception
    [sweep] = read_sweeps(get_store())
    wait_until(lambda: read_sweep(get_store(), sweep.id).state is SweepState.FINISHED, 120)
    page = open_page("sweep")
    assert not page.exception
    assert list(page.dataframe[0].value["batch_size"]) == [4, 8]
    assert page.query_params["sweep"] == str(sweep.id)
    page = open_page("advisor")
    assert not page.exception


def test_stop_and_continue(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    clicks: list[tuple[str, int]] = []
    manager = get_scheduler()
    monkeypatch.setattr(manager, "resume_sweep", lambda number: clicks.append(("resume", number)))
    monkeypatch.setattr(manager, "stop_sweep", lambda number: clicks.append(("stop", number)))
    config = SweepConfig(batch_sizes=(2, 8), repeats=1)
    sweep_id = create_sweep(get_store(), config)
    page = open_page("sweep")
    assert not page.button(key="continue_sweep").click().run().exception
    claim_sweep(get_store(), sweep_id)
    sweep = read_sweep(get_store(), sweep_id)
    run_id = queue_part(get_store(), sweep, sweep.parts[0])
    get_store().start_run(run_id, "cpu", {})
    page = open_page("sweep")
    assert not page.button(key="stop_sweep").click().run().exception
    assert clicks == [("resume", sweep_id), ("stop", sweep_id)]


def test_the_time_left_follows_earlier_runs(open_page: OpenPage) -> None:
    """20 steps of each of two sizes at 0.1 s, and 12 for each size's memory in a process of 5 s."""
    store = get_store()
    config = read_sweep(store, finished()).config
    sweep_id = create_sweep(store, config)
    claim_sweep(store, sweep_id)
    page = open_page("sweep")
    assert not page.exception
    assert "16 s" in page.get("progress")[0].proto.text


def test_a_finished_sweep(open_page: OpenPage) -> None:
    finished()
    page = open_page("sweep")
    assert not page.exception
    for tab in ("Step anatomy", "Padding"):  # only the open tab is drawn
        page.session_state["sweep_tab"] = tab
        page.run()
        assert not page.exception
        assert len(page.get("bidi_component")) == 2
        assert len(page.dataframe) == 0
    page.session_state["sweep_tab"] = "Sample translations"
    page.run()
    table = page.table[0].value
    assert list(table["Samples"]) == ["40", "0"]  # 40 samples are no evaluation of batch size 8
    assert list(table["Translation"]) == ["i see 20", "i see 0"]
    page.segmented_control(key="sweep_equal").set_value(Axis.SECONDS).run()
    assert not page.exception
    assert list(page.table[0].value["Samples"]) == ["40", "160"]


def test_rename_delete_and_undo(open_page: OpenPage) -> None:
    sweep_id = finished()
    page = open_page("sweep")
    page.session_state["changing_sweep"] = True
    page.run()
    page.text_input[0].set_value("quiet")
    page.button(key="save_sweep").click().run()
    assert read_sweep(get_store(), sweep_id).name == "quiet"
    page.button(key="delete_sweep").click().run()
    page.button(key="confirm_delete_sweep").click().run()
    assert not page.exception
    assert read_sweeps(get_store()) == get_store().runs() == []
    page.button(key=f"undo_sweep_{sweep_id}").click().run()
    assert not page.exception
    assert len(get_store().runs()) == 2
    assert page.selectbox(key="selected_sweep").value == sweep_id


def test_the_address_names_the_sweep_and_an_unreadable_one_is_reported() -> None:
    first, _, unreadable = (studies.save(get_store()) for _ in range(3))
    with get_store().transaction() as database:
        database.execute("UPDATE sweeps SET config = '[]' WHERE id = ?", (unreadable,))
    page = AppTest.from_file(DASHBOARD, default_timeout=60)
    page.query_params["sweep"] = str(first)
    page = page.switch_page("pages/sweep/sweep.py").run()
    assert not page.exception
    assert page.selectbox(key="selected_sweep").value == first
    assert len(page.warning) == 1
