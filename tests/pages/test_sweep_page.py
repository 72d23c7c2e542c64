"""The pages Sweep and Advisor, on a real small sweep."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import state as shared
from pages.sweep import form as sweep_form
from s2s.analysis.run.anatomy import PARTS
from s2s.analysis.run.steps import Axis
from s2s.config import Budget, Engine, Precision, SweepConfig, TrainConfig
from s2s.records import Evaluation, RunState, SampleTranslation, SweepState
from s2s.store.sweeps import begin_part, create_sweep, leave, read_sweep, read_sweeps, take
from s2s.sweeps.plan import plan
from s2s.sweeps.runner import run_sweep
from tests import plausible, studies
from tests.tiny import wait_until

DASHBOARD = Path(__file__).parents[2] / "dashboard.py"


@pytest.fixture
def swept(add_corpus: Callable[..., str]) -> int:
    """Three sizes, two repeats, 4,000 samples each; returns its id."""
    base = TrainConfig(corpus=add_corpus(), hidden_size=8, threads=1, device="cpu")
    config = SweepConfig(base=base, batch_sizes=(8, 16, 32), repeats=2, amount=4_000)
    sweep_id = create_sweep(shared.store(), config)
    take(shared.store(), sweep_id)
    for _ in run_sweep(shared.store(), sweep_id, Event()):
        pass
    return sweep_id


def test_before_the_first_sweep_the_form_is_open(open_page: Callable[[str], AppTest]) -> None:
    page = open_page("sweep")
    assert not page.exception
    assert [button.label for button in page.button] == ["Start 12 runs", "Estimate"]
    page.multiselect(key="sweep_sizes").set_value(["2", "x"]).run()
    assert [error.value for error in page.error] == [
        "A batch size is a whole number such as 32; got 'x'\\."
    ]
    assert not page.button


def test_what_is_chosen_in_the_form_is_what_starts(
    open_page: Callable[[str], AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[SweepConfig] = []

    def submit(config: SweepConfig) -> int:
        asked.append(config)
        return studies.written(shared.store())

    older = studies.written(shared.store())
    monkeypatch.setattr(shared.manager(), "submit_sweep", submit)
    page = open_page("sweep")
    assert page.selectbox(key="shown_sweep").value == older
    page.session_state[sweep_form.OPEN] = True
    page = page.run()
    page.multiselect(key="sweep_sizes").set_value(["4", "16"])
    page.multiselect(key="sweep_engines").set_value(["fused", "article"])
    page.number_input(key="sweep_repeats").set_value(5)
    page.selectbox(key="sweep_optimizer").set_value("adam")
    page.number_input(key="sweep_learning_rate").set_value(0.002)
    page.number_input(key="sweep_hidden_size").set_value(64)
    page.button_group(key="sweep_rule").set_value("linear")
    page.checkbox(key="sweep_grow").set_value(True)
    page.checkbox(key="sweep_keep").set_value(True)
    page = page.button_group(key="sweep_budget").set_value("target").run()
    page.number_input(key="sweep_amount_target").set_value(9000.0)
    page = page.run()
    page.number_input(key="sweep_target").set_value(2.5)  # a click right after it counts too
    [start] = [button for button in page.button if button.label == "Start 20 runs"]
    page = start.click().run()
    assert not page.exception, page.exception
    base = TrainConfig(optimizer="adam", learning_rate=0.002, hidden_size=64)
    assert asked == [
        SweepConfig(
            base=base, batch_sizes=(4, 16), grow_until_oom=True, engines=("fused", "article"),
            repeats=5, rule="linear", budget="target", amount=9000, target_loss=2.5,
            keep_all_weights=True,
        )
    ]  # fmt: skip
    assert page.selectbox(key="shown_sweep").value != older
    assert not page.session_state[sweep_form.OPEN]


def test_seconds_need_not_be_whole(
    open_page: Callable[[str], AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[SweepConfig] = []
    monkeypatch.setattr(shared.manager(), "submit_sweep", asked.append)
    page = open_page("sweep").button_group(key="sweep_budget").set_value("seconds").run()
    page = page.number_input(key="sweep_amount_seconds").set_value(2.5).run()
    assert not page.button[0].click().run().exception
    assert (asked[0].amount, asked[0].budget) == (2.5, "seconds")


def test_a_finished_sweep_is_shown_in_full(open_page: Callable[[str], AppTest]) -> None:
    studies.written(shared.store())
    newer = studies.written(shared.store(), engines=("fused", "article"))
    page = open_page("sweep")
    assert not page.exception, page.exception
    assert page.selectbox(key="shown_sweep").value == newer
    table = page.dataframe[0].value
    assert list(table.columns) == [
        "engine", "batch_size", "states", "samples_per_second", "validation_loss_per_token"
    ]  # fmt: skip
    # 2 / 11 ms and 512 / 266 ms; the article's half as fast.
    assert list(table["samples_per_second"].round()) == [
        91, 286, 615, 865, 962, 182, 571, 1231, 1730, 1925
    ]  # fmt: skip
    notes = "\n".join(each.value for each in page.caption)
    assert "fused: at most 2,000 samples/s" in notes
    assert "article: at most 1,000 samples/s" in notes
    assert not [each for each in page.button if each.label in ("Stop", "Go on")]
    [bar] = [each.proto for each in page.get("progress")]
    assert (bar.value, bar.text) == (100, "30 of 30 runs done")


def test_a_stopped_sweep_goes_on(
    open_page: Callable[[str], AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(shared.manager(), "resume_sweep", asked.append)
    sweep_id = create_sweep(shared.store(), SweepConfig(batch_sizes=(2, 8), repeats=1))
    page = open_page("sweep")
    assert [each.label for each in page.button] == ["Go on"]
    [bar] = [each.proto for each in page.get("progress")]
    assert (bar.value, bar.text) == (0, "0 of 2 runs done")
    assert not page.button[0].click().run().exception
    assert asked == [sweep_id]


def test_a_running_sweep_is_stopped(
    open_page: Callable[[str], AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(shared.manager(), "stop_sweep", asked.append)
    config = SweepConfig(batch_sizes=(2, 8), repeats=1)
    sweep_id = create_sweep(shared.store(), config)
    take(shared.store(), sweep_id)
    run_id = shared.store().create_run(config.run_config(Engine.FUSED, 8, 0), sweep_id=sweep_id)
    shared.store().start_run(run_id, "cpu", {})
    page = open_page("sweep")
    [bar] = [each.proto for each in page.get("progress")]
    assert bar.text.startswith("0 of 2 runs done · now 1 · starter · batch 8 · how long is not")
    [stop] = [each for each in page.button if each.label == "Stop"]
    assert not stop.click().run().exception
    assert asked == [sweep_id]


def test_the_estimate_is_offered_while_devices_are_looked_up(
    open_page: Callable[[str], AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.manager(), "devices", list)
    page = open_page("sweep")
    assert not page.exception
    assert "Estimate" in [each.label for each in page.button]


def test_a_link_names_the_sweep() -> None:
    first, _ = (studies.written(shared.store()) for _ in range(2))
    page = AppTest.from_file(DASHBOARD, default_timeout=60)
    page.query_params["sweep"] = str(first)
    assert (
        page.switch_page("pages/sweep/sweep.py").run().selectbox(key="shown_sweep").value == first
    )


@pytest.mark.parametrize("name", ["sweep", "advisor", "replay"])
def test_a_sweep_that_cannot_be_read_is_named(
    open_page: Callable[[str], AppTest], name: str
) -> None:
    kept, strange = (studies.written(shared.store()) for _ in range(2))
    with shared.store().transaction() as database:
        database.execute("UPDATE sweeps SET config = '[]' WHERE id = ?", (strange,))
    page = open_page(name)
    (problem,) = [warning.value for warning in page.warning]
    assert problem.startswith(f"Sweep {strange} cannot be read ")
    assert not page.exception
    if name != "replay":
        assert page.selectbox(key="shown_sweep").value == kept


def test_the_advisor_points_to_the_sweep(open_page: Callable[[str], AppTest]) -> None:
    page = open_page("advisor")
    assert not page.exception
    assert "The advisor reads a sweep" in page.markdown[-1].value


def test_a_finished_sweep_its_advice_and_its_confirmation(
    open_page: Callable[[str], AppTest], swept: int
) -> None:
    page = open_page("sweep")
    assert not page.exception
    table = page.dataframe[0].value
    assert list(table["batch_size"]) == [8, 16, 32]
    assert list(table["states"]) == ["finished"] * 3
    assert page.selectbox(key="shown_sweep").value == swept
    assert page.query_params["sweep"] == str(swept)

    page = open_page("advisor")
    assert not page.exception
    text = " ".join(each.value for each in page.markdown)
    assert "a validation loss of" in text
    page.number_input(key=f"target_{swept}").set_value(0.01).run()
    assert not page.exception
    assert "missed it\\: train longer, or choose a higher target" in page.info[0].value
    # It stands without an answer; 50 MB and 1 kB a cell, by tests/conftest.py.
    assert page.markdown[-1].value.startswith("Memory is flat up to batch size 32: ")
    page.number_input(key=f"target_{swept}").set_value(0.0).run()
    [confirm] = [button for button in page.button if button.label.startswith("Confirm with")]
    before = len(shared.store().runs())
    confirm.click().run()
    assert not page.exception
    newest = shared.store().runs()
    assert len(newest) == before + 1
    assert newest[0].config.seed == 2
    assert newest[0].config.target_loss > 0


def test_the_gradient_noise(open_page: Callable[[str], AppTest], swept: int) -> None:
    page = open_page("advisor")
    [check] = [button for button in page.button if button.label.startswith("Check it by the")]
    run_id = int(check.label.rpartition(" ")[2])
    check.click().run()
    assert not page.exception
    wait_until(lambda: shared.manager().noise_progress(run_id) is None)
    page.run()
    assert not page.exception
    [said] = [each.value for each in page.markdown if "gradient noise scale" in each.value]
    assert f"steps of run {run_id}" in said
    assert not [button for button in page.button if button.label.startswith("Check it by the")]
    assert read_sweep(shared.store(), swept).memory[0].padded_tokens == 160


def test_a_sweep_started_on_the_page(
    open_page: Callable[[str], AppTest], add_corpus: Callable[..., str]
) -> None:
    corpus = add_corpus()
    page = open_page("sweep")
    page.selectbox(key="sweep_corpus").set_value(corpus)
    page.multiselect(key="sweep_sizes").set_value(["4"])
    page.number_input(key="sweep_repeats").set_value(1)
    page.number_input(key="sweep_amount_samples").set_value(8.0).run()
    page.button[0].click().run()
    assert not page.exception
    [sweep] = read_sweeps(shared.store())
    assert sweep.config.batch_sizes == (4,)
    wait_until(lambda: read_sweep(shared.store(), sweep.id).state is SweepState.FINISHED, 120)


def test_more_choices_go_into_the_sweep(
    open_page: Callable[[str], AppTest], add_corpus: Callable[..., str]
) -> None:
    corpus = add_corpus()
    page = open_page("sweep")
    page.selectbox(key="sweep_corpus").set_value(corpus)
    page.number_input(key="sweep_threads").set_value(1)
    page.selectbox(key="sweep_precision").set_value(Precision.BF16)
    page.text_area(key="sweep_sentences").set_value(" je vois .\n\ntu vois").run()
    assert not page.exception
    wait_until(lambda: shared.manager().devices() != [], 120)
    page.button[1].click().run()  # Estimate
    assert not page.exception
    [asked] = [page.session_state["sweep_estimate_of"]]
    assert (asked.base.corpus, asked.base.threads) == (corpus, 1)
    assert asked.base.precision is Precision.BF16
    assert asked.base.sentences == ("je vois .", "tu vois")
    wait_until(lambda: shared.manager().expected_sweep(asked, plan(asked, [])) is not None, 120)
    page.run()
    assert not page.exception
    [said] = [each.value for each in page.caption if "in all on" in each.value]
    assert "(by trial steps)" in said
    assert shared.store().runs() == []


def finished(corpus: str) -> int:
    """A sweep of two sizes with plausible records behind it; returns its id."""
    store = shared.store()
    base = TrainConfig(corpus=corpus, device="cpu", sentences=("je vois *tout* .",))
    config = SweepConfig(
        base=base, batch_sizes=(2, 8), repeats=1, budget=Budget.ITERATIONS, amount=20
    )
    sweep_id = create_sweep(store, config)
    for part in plan(config, []):
        run = config.run_config(part.engine, part.batch_size, part.repeat)
        run_id = begin_part(store, sweep_id, run, None)
        store.start_run(run_id, "cpu", {})
        for iteration in (0, 20):
            said = SampleTranslation("je vois *tout* .", "", f"i see {iteration}")
            store.add_evaluation(run_id, Evaluation(iteration, 0.1 * iteration, 5.0, (said,)))
        summary = plausible.summary(run_id, RunState.FINISHED, run, 20)
        phases = dict.fromkeys(PARTS, 0.001 * part.batch_size)
        store.finish_run(
            run_id, RunState.FINISHED, dataclasses.replace(summary, phase_seconds=phases)
        )
    return sweep_id


def charts(page: AppTest) -> list[str]:
    """The titles of those that are drawn."""
    return [
        json.loads(each.proto.json)["figure"]["layout"]["title"]["text"]
        for each in page.get("bidi_component")
    ]


def test_only_the_open_tab_is_drawn(open_page: Callable[[str], AppTest]) -> None:
    finished("starter")
    page = open_page("sweep")
    assert not page.exception
    assert charts(page) == ["Throughput"]
    assert len(page.dataframe) == 1
    for tab, drawn in (("Step anatomy", "Step anatomy"), ("Padding", "Padding")):
        page.session_state["sweep_tab"] = tab
        page.run()
        assert not page.exception
        assert charts(page) == ["Throughput", drawn]
        assert len(page.dataframe) == 0
    page.segmented_control(key="sweep_unit").set_value("tokens").run()
    assert not page.exception


def test_one_sentence_through_all_sizes(open_page: Callable[[str], AppTest]) -> None:
    finished("starter")
    page = open_page("sweep")
    page.session_state["sweep_tab"] = "One sentence"
    page.run()
    assert not page.exception
    table = page.table[0].value
    assert list(table["Batch size"]) == ["2", "8"]
    assert list(table["Samples"]) == ["40", "0"]  # 40 samples are no evaluation of batch size 8
    assert list(table["Translation"]) == ["i see 20", "i see 0"]
    page.segmented_control(key="sweep_equal").set_value(Axis.SECONDS).run()
    assert not page.exception
    assert list(page.table[0].value["Samples"]) == ["40", "160"]
    assert page.slider(key="sweep_at_seconds").max == 2.0
    page.slider(key="sweep_at_seconds").set_value(1.9).run()
    assert list(page.table[0].value["Samples"]) == ["0", "0"]


def test_delete_and_undo(open_page: Callable[[str], AppTest]) -> None:
    sweep_id = finished("starter")
    page = open_page("sweep")
    page.session_state["changing_sweep"] = True
    page.run()
    page.text_input[0].set_value("quiet")
    next(each for each in page.button if each.label == "Save").click().run()
    assert not page.exception
    assert read_sweep(shared.store(), sweep_id).name == "quiet"
    next(each for each in page.button if each.label == "Delete").click().run()
    assert any("**with its 2 runs**" in each.value for each in page.markdown)
    delete = f"Delete sweep {sweep_id} and its 2 runs"
    next(each for each in page.button if each.label == delete).click().run()
    assert not page.exception
    assert not page.warning
    assert read_sweeps(shared.store()) == shared.store().runs() == []
    assert any("quiet" in each.value for each in page.markdown)
    next(each for each in page.button if each.label == "Undo").click().run()
    assert not page.exception
    assert len(shared.store().runs()) == 2
    assert page.selectbox(key="shown_sweep").value == sweep_id


def test_time_left_while_a_sweep_goes_on(open_page: Callable[[str], AppTest]) -> None:
    """By the runs of an earlier sweep: 20 steps of each of two sizes at 0.1 s.

    And for each size the memory of 12 steps, in a process that takes 5 s to start.
    """
    store = shared.store()
    before = read_sweep(store, finished("starter")).config
    sweep_id = create_sweep(store, before)
    take(store, sweep_id)
    page = open_page("sweep")
    assert not page.exception
    assert progress_text(page) == "0 of 2 runs done · about 16 s left"
    leave(store, sweep_id)
    page.run()
    assert progress_text(page) == "0 of 2 runs done"


def test_time_left_is_told_by_a_tick_once_it_is_known() -> None:
    store = shared.store()
    before = read_sweep(store, finished("starter")).config
    take(store, create_sweep(store, before))

    def tick() -> None:
        from pages.shared import state as shared
        from pages.sweep import live as sweep_watch
        from s2s.store.sweeps import read_sweeps

        sweep = read_sweeps(shared.store())[0]
        sweep_watch._tick(sweep.id, sweep_watch._standing(sweep), None)

    page = AppTest.from_function(tick, default_timeout=60).run()
    assert not page.exception
    assert progress_text(page) == "0 of 2 runs done · about 16 s left"


def test_before_the_first_run_of_its_kind_nobody_knows(open_page: Callable[[str], AppTest]) -> None:
    store = shared.store()
    config = SweepConfig(base=TrainConfig(device="cpu"), batch_sizes=(2,), repeats=1)
    take(store, create_sweep(store, config))
    page = open_page("sweep")
    assert not page.exception
    assert progress_text(page).startswith("0 of 1 runs done · how long is not known yet")


def progress_text(page: AppTest) -> str:
    return page.get("progress")[0].proto.text
