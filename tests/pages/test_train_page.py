"""The Train page: first use, the form, running and finished runs, interrupted runs."""

import json
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared.state import get_estimator, get_scheduler, get_store
from pages.shared.widgets import ENGINES, PRECISIONS, parse_selected_sizes
from pages.train import form
from pages.train.form import ARTICLE_LONG, ARTICLE_PAIR, ONE_MINUTE
from s2s.background.estimates import RunEstimate
from s2s.config import MAX_ITERATIONS, Engine, Precision, TrainConfig
from s2s.errors import UserError
from s2s.paths import CHECKPOINT, run_folder
from s2s.records import DeviceSample, RunState
from tests.plausible import add_ended_run, add_started_run, some_steps

OpenPage = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def _nothing_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    """Submitted runs wait forever, and their duration is known at once."""
    monkeypatch.setattr(get_scheduler(), "_enqueue", lambda *_: None)
    estimate = RunEstimate(0.05, 50.0, "run 3", "cpu")
    monkeypatch.setattr(get_estimator(), "estimate_run", lambda _: estimate)
    monkeypatch.setattr(get_estimator(), "devices", lambda: ["cuda:0", "cpu"])


@pytest.fixture
def open_form(open_page: OpenPage) -> Callable[[], AppTest]:
    def open_() -> AppTest:
        page = open_page("train")
        page.session_state[form.OPEN_KEY] = True
        return page.run()

    return open_


def click(page: AppTest, key: str) -> AppTest:
    page = page.button(key=key).click().run()
    assert not page.exception, page.exception
    return page


def keys(page: AppTest) -> set[str | None]:
    return {button.key for button in page.button}


def submitted() -> list[TrainConfig]:
    return [run.config for run in reversed(get_store().runs())]


def charts(page: AppTest) -> list[dict[str, object]]:
    [component] = [
        each for each in page.get("bidi_component") if each.proto.component_name == "s2s_charts"
    ]
    return json.loads(component.proto.json)["charts"]


def test_one_click_on_an_empty_store_trains_for_a_minute(open_page: OpenPage) -> None:
    page = click(open_page("train"), "start_one_minute")
    assert submitted() == ONE_MINUTE.configs
    assert page.info
    assert "start_one_minute" not in keys(page)
    assert not page.session_state[form.OPEN_KEY]


def test_presets_and_settings_reach_the_run(open_form: Callable[[], AppTest]) -> None:
    page = open_form()
    assert "1 min 40 s" in page.caption[-1].value
    click(page, "start_runs")
    assert submitted() == ARTICLE_PAIR.configs
    click(click(open_form(), f"form_{ARTICLE_LONG.name}"), "start_runs")
    assert submitted()[2:] == ARTICLE_LONG.configs

    page = open_form()
    page.multiselect(key="form_batch_sizes").set_value(["8"])
    page.selectbox(key="form_engine").set_value(Engine.ARTICLE)
    page.selectbox(key="form_device").set_value("cpu")
    page.number_input(key="form_learning_rate").set_value(0.01)
    page.text_area(key="form_sentences").set_value("je vois\n\n bonjour ")
    page.checkbox(key="form_keep_optimizer").check()
    page.checkbox(key="form_measure_quality").check()
    page = page.button_group(key="form_length").set_value("Time").run()
    page.number_input(key="form_max_seconds").set_value(90.0)  # not drawn before the click
    click(page, "start_runs")
    assert submitted()[3] == TrainConfig(
        batch_size=8, engine=Engine.ARTICLE, device="cpu", learning_rate=0.01,
        sentences=("je vois", "bonjour"), keep_optimizer=True, measure_quality=True,
        max_seconds=90.0, iterations=MAX_ITERATIONS,
    )  # fmt: skip


def test_an_invalid_or_impossible_form_shows_an_error(
    open_form: Callable[[], AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_form().multiselect(key="form_batch_sizes").set_value([]).run()
    assert len(page.error) == 1
    assert page.button(key="start_runs").disabled
    page = page.multiselect(key="form_batch_sizes").set_value(["2", "2x"]).run()
    assert "2x" in page.error[0].value
    assert parse_selected_sizes(["32", "4, 8;16", "2", "32"]) == [32, 4, 8, 16, 2]

    def refuse(_: TrainConfig) -> RunEstimate:
        raise UserError("cuda:7 not found")

    monkeypatch.setattr(get_estimator(), "estimate_run", lambda _: None)
    page = open_form()
    assert not any("run 3" in each.value for each in page.caption)
    monkeypatch.setattr(get_estimator(), "estimate_run", refuse)
    assert "cuda" in page.run().error[0].value


@pytest.mark.parametrize("has_gpu", [False, True])
def test_options_that_need_a_gpu(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, has_gpu: bool
) -> None:
    """A run from another machine fills the form; what is unavailable here is replaced."""
    assert (set(ENGINES), set(PRECISIONS)) == (set(Engine), set(Precision))
    devices = ["cuda:0", "cpu"] if has_gpu else ["cpu"]
    monkeypatch.setattr(get_estimator(), "devices", lambda: devices)
    config = TrainConfig(
        corpus="removed", engine=Engine.GRAPHED, precision=Precision.TF32, device="cuda:7"
    )
    add_ended_run(get_store(), config)
    page = click(open_page("train"), "copy_to_form")
    engine, precision = (page.selectbox(key=f"form_{name}") for name in ("engine", "precision"))
    assert ("graphed" in engine.options, "tf32" in precision.options) == (has_gpu, has_gpu)
    for box in (engine, precision):
        assert [line.split(":")[0] for line in box.help.split("\n\n")] == box.options
    click(page, "start_runs")
    started_config = submitted()[-1]
    assert (started_config.corpus, started_config.device) == ("starter", "auto")
    assert started_config.engine is (Engine.GRAPHED if has_gpu else Engine.FUSED)
    sweep = open_page("sweep")
    assert ("graphed" in sweep.multiselect(key="sweep_engines").options) is has_gpu
    assert ("tf32" in sweep.selectbox(key="sweep_precision").options) is has_gpu


def test_a_running_run_is_shown_live(open_page: OpenPage) -> None:
    run_id = add_started_run(get_store(), TrainConfig(iterations=40))
    waiting = get_store().create_run(TrainConfig(batch_size=2))
    page = open_page("train")
    assert len(charts(page)) == 4
    tiles = {each.label: (each.value, each.delta) for each in page.metric}
    assert tiles["Samples per second"][0] == "320"
    assert tiles["Tokens per second"][0] == "1,600"
    assert tiles["Step time"][0] == "100 ms"
    assert tiles["Memory"][0] == "–"  # the newest sample reported nothing, so not 0
    assert "500 MiB" in tiles["Memory"][1]
    assert tiles["Loss per token"][0] == "7.21"
    assert "36.1" in tiles["Loss per token"][1]
    table = page.table[0].value
    assert table.columns.tolist() == ["Source", "Reference", "After 0", "After 20"]
    assert r"\*tout\*" in table["Source"][0]
    assert "20" not in page.caption[0].value  # the status bar leaves progress to the live view
    assert "iteration 20" in open_page("corpora").caption[0].value
    click(page, f"stop_{run_id}")
    click(page, f"stop_{waiting}")
    assert get_store().run(run_id).state is RunState.STOPPING
    assert get_store().run(waiting).state is RunState.STOPPED


def test_uncertain_timing_is_marked(open_page: OpenPage) -> None:
    store = get_store()
    run_id = add_started_run(store, TrainConfig(iterations=400), count=0)
    rows = some_steps(200, 32)
    rows["seconds"][100:] *= 2
    rows["interfered"][0] = True
    store.write_steps(run_id, rows)
    sample = DeviceSample(1.0, "cpu", None, None, None, None, other_load_cores=0.9)
    store.add_device_samples(run_id, [sample])
    page = open_page("train")
    captions = "\n".join(each.value for each in page.caption).replace("\\", "")
    for expected in ("0.9 of", "very noisy", "1 for warm-up", "1 while s2s translated"):
        assert expected in captions
    [tile] = [each for each in page.metric if each.label == "Step time"]
    assert "IQR 73%, very noisy" in tile.delta


@pytest.mark.parametrize(
    ("end", "element"),
    [
        (RunState.FINISHED, "success"),
        (RunState.STOPPED, "warning"),
        (RunState.FAILED, "error"),
        (RunState.OUT_OF_MEMORY, "error"),
    ],
)
def test_the_end_of_a_run(open_page: OpenPage, end: RunState, element: str) -> None:
    is_failed = end is RunState.FAILED
    add_ended_run(
        get_store(), TrainConfig(), end,
        error="Because of *this*." if is_failed else "", traceback="Traceback: here",
    )  # fmt: skip
    page = open_page("train")
    [message] = getattr(page, element)
    assert "iteration 20" in message.value
    assert (r"\*this\*" in message.value) is is_failed
    assert page.code[0].value == "Traceback: here"


def test_a_finished_run_is_copied_or_continued(open_page: OpenPage) -> None:
    config = TrainConfig(batch_size=8, hidden_size=64, max_seconds=30.0, iterations=MAX_ITERATIONS)
    first = add_ended_run(get_store(), config)
    page = open_page("train")
    assert "continue_training" not in keys(page)
    click(click(page, "copy_to_form"), "start_runs")
    assert submitted()[1] == config
    get_store().request_stop(2)
    run_folder(first).mkdir(parents=True)
    (run_folder(first) / CHECKPOINT).touch()
    page = open_page("train").selectbox(key="shown_run").set_value(first).run()
    page.number_input(key=f"more_{first}").set_value(500)
    click(page, "continue_training")
    assert submitted()[2] == TrainConfig(
        batch_size=8, hidden_size=64, iterations=500, continue_from=first
    )


def test_a_selected_run_stays_selected(open_page: OpenPage) -> None:
    for batch_size in (2, 4):
        add_ended_run(get_store(), TrainConfig(batch_size=batch_size))
    page = open_page("train")
    assert page.metric[1].delta == "batch size 4"
    page = page.selectbox(key="shown_run").set_value(1).run()
    add_ended_run(get_store(), TrainConfig(batch_size=8))
    page = page.run()
    assert page.metric[1].delta == "batch size 2"
    page.session_state["settings"] = True
    assert page.run().table[1].value.loc["batch size"].item() == "2"


def interrupted(*configs: TrainConfig) -> list[int]:
    ids = [get_store().create_run(each) for each in configs]
    for run_id in ids:
        get_store().interrupt_run(run_id, [])
    return ids


def test_interrupted_runs_are_resumed_or_dismissed(open_page: OpenPage) -> None:
    store = get_store()
    first, second = interrupted(TrainConfig(), TrainConfig(batch_size=2))
    page = click(open_page("train"), f"offer_resume_{first}")
    assert store.run(first).state is RunState.QUEUED
    page = click(page, f"offer_dismiss_{second}")
    assert not any(str(each).startswith("offer") for each in keys(page))
    page = page.selectbox(key="shown_run").set_value(second).run()
    other_tab = open_page("train").selectbox(key="shown_run").set_value(second).run()
    click(page, f"resume_{second}")
    assert store.run(second).state is RunState.QUEUED
    assert len(click(other_tab, f"resume_{second}").error) == 1

    ids = interrupted(*[TrainConfig()] * 5)  # a whole queue, at once
    page = open_page("train")
    assert sum(str(each).startswith("offer_dismiss") for each in keys(page)) == 3 + 1
    page = click(page, "offer_resume_all")
    assert {run.state for run in store.runs()} == {RunState.QUEUED}
    for run_id in ids:
        store.interrupt_run(run_id, [])
    click(page.run(), "offer_dismiss_all")
    assert all(store.run(run_id).dismissed for run_id in ids)


def test_a_run_of_a_killed_process_ends_on_an_open_page(open_page: OpenPage) -> None:
    def refresh() -> None:
        from pages.shared import navigation

        navigation._show_activity(is_live_page=False)

    store = get_store()
    run_id = add_started_run(store, TrainConfig(), count=0)
    assert "Run" not in open_page("train").caption[0].value
    with store.transaction() as database:
        database.execute("UPDATE runs SET owner_start = 'gone'")
    page = AppTest.from_function(refresh).run()
    assert not page.exception, page.exception
    assert store.run(run_id).state is RunState.INTERRUPTED
