"""The Train page: first use, the form, what trains, what ended; records come from the store."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import state
from pages.shared.state import get_manager, get_store
from pages.train import form, presets
from s2s.background.estimates import Expected
from s2s.config import Engine, TrainConfig
from s2s.errors import UserError
from s2s.paths import run_folder
from s2s.records import DeviceSample, RunState
from s2s.runs.files import CHECKPOINT
from tests.plausible import ended, some_steps, started, steps

DASHBOARD = Path(__file__).parents[2] / "dashboard.py"
Open = Callable[[str], AppTest]


@pytest.fixture(autouse=True)
def _nothing_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is submitted waits for ever, and what it will take is known at once."""
    manager = get_manager()
    monkeypatch.setattr(
        manager, "submit", lambda configs: [manager.store.create_run(each) for each in configs]
    )
    monkeypatch.setattr(manager, "expected_seconds", lambda _: Expected(0.05, 50.0, "run 3", "cpu"))
    monkeypatch.setattr(manager, "devices", lambda: ["cuda:0", "cpu"])


def button(app: AppTest, label: str) -> object:
    (found,) = [each for each in app.button if each.label == label]
    return found


def click(app: AppTest, label: str) -> AppTest:
    app = button(app, label).click().run()  # type: ignore[attr-defined]
    assert not app.exception, app.exception
    return app


def opened_form(app: AppTest) -> AppTest:
    app.session_state[form.OPEN] = True
    app = app.run()
    assert not app.exception, app.exception
    return app


def texts(app: AppTest) -> str:
    kinds = (app.success, app.info, app.warning, app.error, app.caption, app.markdown)
    return "\n".join(each.value for kind in kinds for each in kind).replace("\\", "")


def charts(app: AppTest) -> int:
    (drawn,) = [
        json.loads(each.proto.json)["charts"]
        for each in app.get("bidi_component")
        if each.proto.component_name == "s2s_charts"
    ]
    return len(drawn)


def test_one_click_on_an_empty_store_starts_the_one_minute_try(open_page: Open) -> None:
    app = click(open_page("train"), "Start a one-minute try")
    (run,) = get_store().runs()
    assert (run.state, run.config.corpus) == (RunState.QUEUED, "starter")
    assert (run.config.max_seconds, run.config.batch_size) == (60.0, 128)
    assert "Queued: it starts" in texts(app)
    assert "Start a one-minute try" not in [each.label for each in app.button]


def test_the_form_begins_with_the_articles_pair(open_page: Open) -> None:
    app = opened_form(open_page("train"))
    assert "About **1 min 40 s** in all on the processor" in texts(app)
    assert "from run 3" in texts(app)
    click(app, "Start 2 runs")
    assert [run.config for run in reversed(get_store().runs())] == presets.configs(
        presets.ARTICLE_PAIR
    )


def test_a_preset_fills_the_form(open_page: Open) -> None:
    app = click(opened_form(open_page("train")), presets.ARTICLE_LONG)
    click(app, "Start")
    assert [run.config for run in get_store().runs()] == presets.configs(presets.ARTICLE_LONG)


def test_choices_reach_the_run(open_page: Open) -> None:
    app = opened_form(open_page("train"))
    app.multiselect(key="form_batch_sizes").set_value(["8"])
    app.selectbox(key="form_engine").set_value(Engine.ARTICLE)
    app.selectbox(key="form_device").set_value("cpu")
    app.number_input(key="form_learning_rate").set_value(0.01)
    app.text_area(key="form_sentences").set_value("je vois\n\n bonjour ")
    app.checkbox(key="form_keep_optimizer").check()
    app.checkbox(key="form_measure_quality").check()
    click(app.run(), "Start")
    (run,) = get_store().runs()
    assert run.config == TrainConfig(
        batch_size=8,
        engine=Engine.ARTICLE,
        device="cpu",
        learning_rate=0.01,
        sentences=("je vois", "bonjour"),
        keep_optimizer=True,
        measure_quality=True,
    )


def test_a_click_right_after_a_change_starts_what_was_chosen(open_page: Open) -> None:
    """Before the page was drawn anew."""
    app = opened_form(open_page("train"))
    app.number_input(key="form_iterations").set_value(7)
    click(app, "Start 2 runs")
    assert [run.config.iterations for run in get_store().runs()] == [7, 7]


def test_a_form_that_cannot_run_says_so_and_does_not_start(open_page: Open) -> None:
    app = opened_form(open_page("train"))
    app = app.multiselect(key="form_batch_sizes").set_value([]).run()
    assert [each.value for each in app.error] == ["Choose at least one batch size, such as 32\\."]
    assert button(app, "Start").disabled  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("chosen", "sizes"),
    [(["2", "32"], [2, 32]), (["4, 8;16"], [4, 8, 16]), (["32", "2", "32"], [32, 2])],
)
def test_batch_sizes_keep_their_order(chosen: list[str], sizes: list[int]) -> None:
    assert form.batch_sizes(chosen) == sizes


@pytest.mark.parametrize("typed", ["zwei", "-2", "1.5", "2x", "²"])
def test_a_batch_size_that_is_no_number_is_named(typed: str) -> None:
    with pytest.raises(UserError, match="whole number"):
        form.batch_sizes(["2", typed])


def test_doubts_about_the_timing_are_shown(open_page: Open) -> None:
    store = get_store()
    run_id = started(store, TrainConfig(iterations=400), count=0)
    rows = some_steps(200, 32)
    rows["seconds"][100:] *= 2
    rows["interfered"][0] = True
    store.write_steps(run_id, rows)
    store.add_device_samples(
        run_id, [DeviceSample(1.0, "cpu", None, None, None, None, other_load_cores=0.9)]
    )
    app = open_page("train")
    assert not app.exception, app.exception
    said = texts(app)
    assert "Measured on a busy machine: other programs took 0.9 of" in said
    assert "The step time is very noisy: repeat the run" in said
    assert "Left out of the timing: 1 step of warm-up (100 ms) and 1 step beside a" in said
    (tile,) = [each for each in app.metric if each.label == "Step time"]
    assert tile.delta == "IQR 73 %, very noisy"


def test_a_run_that_told_no_phases_apart_has_no_anatomy(open_page: Open) -> None:
    run_id = started(get_store(), TrainConfig(iterations=40), count=0)
    get_store().write_steps(run_id, steps(*((i, 9.0, 32, 9, 9, 20, 0.1, True) for i in (1, 2))))
    app = open_page("train")
    assert not app.exception, app.exception
    assert charts(app) == 3


def test_a_running_run_is_shown_live(open_page: Open) -> None:
    run_id = started(get_store(), TrainConfig(iterations=40))
    waiting = get_store().create_run(TrainConfig(batch_size=2))
    app = open_page("train")
    assert not app.exception, app.exception
    assert charts(app) == 4
    values = {each.label: (each.value, each.delta) for each in app.metric}
    assert values["Samples per second"] == ("320", "batch size 32")
    assert values["Tokens per second"] == ("1,600", "real target tokens")
    assert values["Step time"] == ("100 ms", "median")
    # The newest reading reported nothing: no zero stands in for it.
    assert values["Memory"] == ("–", "500 MiB at most")
    assert values["Loss per token"][0] == "7.21"
    assert values["Loss per token"][1] == "36.1 per sentence"
    table = app.table[0]
    assert table.value.columns.tolist() == ["Source", "Reference", "After 0", "After 20"]
    assert r"\*tout\*" in table.value["Source"][0]
    click(app, "Stop")
    click(app, "Remove")
    assert get_store().run(run_id).state is RunState.STOPPING
    assert get_store().run(waiting).state is RunState.STOPPED


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (RunState.FINISHED, "Finished at iteration 20"),
        (RunState.STOPPED, "Stopped on request"),
        (RunState.FAILED, "Failed at iteration 20"),
        (RunState.OUT_OF_MEMORY, "Out of memory at iteration 20"),
        (RunState.DIVERGED, "Diverged at iteration 20"),
        (RunState.INTERRUPTED, "Interrupted"),
    ],
)
def test_how_a_run_ended_is_said_in_words(open_page: Open, state: RunState, said: str) -> None:
    reason = "" if state is RunState.FINISHED else "Because of *this*."
    ended(get_store(), TrainConfig(), state, message=reason, details="Traceback: here")
    app = open_page("train")
    assert not app.exception, app.exception
    shown = texts(app)
    assert said in shown
    assert reason in shown or state is RunState.STOPPED
    assert app.code[0].value == "Traceback: here"


def test_again_fills_the_form_with_the_runs_choices(open_page: Open) -> None:
    config = TrainConfig(
        batch_size=8, hidden_size=64, max_seconds=30.0, iterations=presets.UNLIMITED
    )
    ended(get_store(), config)
    app = click(open_page("train"), "Again with…")
    click(app, "Start")
    assert get_store().runs()[0].config == config


def test_training_goes_on_from_a_runs_weights(open_page: Open) -> None:
    first = ended(get_store(), TrainConfig(iterations=20, max_seconds=5.0))
    assert "Train on from here" not in [each.label for each in open_page("train").button]
    run_folder(first).mkdir(parents=True)
    (run_folder(first) / CHECKPOINT).touch()
    app = open_page("train")
    app.number_input(key=f"more_{first}").set_value(500)
    click(app.run(), "Train on from here")
    assert get_store().runs()[0].config == TrainConfig(iterations=500, continue_from=first)


def test_the_shown_run_can_be_chosen(open_page: Open) -> None:
    ended(get_store(), TrainConfig(batch_size=2))
    ended(get_store(), TrainConfig(batch_size=4))
    app = open_page("train")
    assert app.metric[1].delta == "batch size 4"
    app = app.selectbox(key="shown_run").set_value(1).run()
    assert app.metric[1].delta == "batch size 2"
    ended(get_store(), TrainConfig(batch_size=8))
    assert app.run().metric[1].delta == "batch size 2"


def test_a_home_that_cannot_be_written_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "_manager", None)
    monkeypatch.setenv("S2S_HOME", "/dev/null/home")
    app = AppTest.from_file(DASHBOARD, default_timeout=60).run()
    assert not app.exception, app.exception
    assert "set S2S\\_HOME" in app.error[0].value
    assert not app.title


def test_an_unknown_duration_is_being_measured(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get_manager(), "expected_seconds", lambda _: None)
    app = opened_form(open_page("train"))
    assert "Measuring how long a step takes" in texts(app)
    monkeypatch.setattr(
        get_manager(), "expected_seconds", lambda _: Expected(0.05, 50.0, "a trial", "cpu")
    )
    assert "from a trial" in texts(app.run())


def test_what_cannot_run_is_said_before_it_starts(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: TrainConfig) -> Expected:
        raise UserError("There is no GPU here.")

    monkeypatch.setattr(get_manager(), "expected_seconds", refuse)
    assert "There is no GPU here." in texts(opened_form(open_page("train")))


def test_training_by_time(open_page: Open) -> None:
    app = opened_form(open_page("train"))
    app = app.button_group(key="form_length").set_value("Time").run()
    app.number_input(key="form_max_seconds").set_value(90.0)
    click(app.run(), "Start 2 runs")
    assert {(run.config.max_seconds, run.config.iterations) for run in get_store().runs()} == {
        (90.0, presets.UNLIMITED)
    }


def test_a_corpus_that_was_removed_gives_way_to_the_starter(open_page: Open) -> None:
    ended(get_store(), TrainConfig(corpus="gone", device="cuda:7"))
    app = click(open_page("train"), "Again with…")
    click(app, "Start")
    config = get_store().runs()[0].config
    assert (config.corpus, config.device) == ("starter", "auto")


def test_all_choices_of_a_run_are_drawn_when_unfolded(open_page: Open) -> None:
    ended(get_store(), TrainConfig(batch_size=7), RunState.STOPPED)
    app = open_page("train")
    [_translations] = app.table
    app.session_state["choices"] = True
    [_translations, chosen] = app.run().table
    assert chosen.value.loc["batch size"].item() == "7"


def test_the_strip_leaves_it_to_the_live_view_how_far_a_run_is(open_page: Open) -> None:
    started(get_store(), TrainConfig(), 20)
    told = {name: open_page(name).caption[0].value for name in ("train", "corpora")}
    assert told["train"].endswith(" on cpu")
    assert told["corpora"].endswith(" on cpu, iteration 20")
