"""The Compare page: choosing, figures, repeats, the address, and what is done to runs."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import state
from pages.shared.state import get_scheduler, get_store
from pages.train import presets
from s2s.config import TrainConfig
from s2s.errors import UserError
from s2s.records import MachineState, RunState
from tests.plausible import ended, some_steps, started, steps

DASHBOARD = Path(__file__).parents[2] / "dashboard.py"
Open = Callable[[str], AppTest]


@pytest.fixture
def pair() -> list[int]:
    return [ended(get_store(), TrainConfig(batch_size=each)) for each in (2, 32)]


def table(app: AppTest) -> pd.DataFrame:
    assert not app.exception, app.exception
    return app.dataframe[0].value


def texts(app: AppTest) -> str:
    return "\n".join(each.value for each in app.caption)


def test_an_empty_store_offers_the_articles_pair(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[TrainConfig] = []
    monkeypatch.setattr(get_scheduler(), "submit", asked.extend)
    app = open_page("compare")
    assert not app.multiselect
    (start,) = app.button
    assert not start.click().run().exception
    assert asked == presets.configs(presets.ARTICLE_PAIR)


@pytest.mark.usefixtures("pair")
def test_runs_are_laid_side_by_side(open_page: Open) -> None:
    app = open_page("compare")
    shown = table(app)
    assert shown["Batch"].tolist() == [2, 32]
    assert shown["Samples/s"].tolist() == pytest.approx([20, 320])
    assert shown["Step"].tolist() == pytest.approx([100, 100])  # ms
    assert shown["Wall time"].tolist() == pytest.approx([2, 2])
    assert shown["Padding"].tolist() == pytest.approx([0.25, 0.25])
    assert shown["Validation/token"].tolist() == [7.0, 7.0]
    assert shown["Peak memory"].tolist() == [600.0, 600.0]
    assert "batch 32 has seen 16 times the sentences of batch 2" in texts(app)
    assert shown["Marks"].tolist() == ["", ""]
    assert shown["IQR"].isna().all()  # 17 timed steps are too few to tell
    assert len(app.get("bidi_component")) == 4
    # All take 0.1 s here, whatever the batch size.
    assert "A step takes 100 ms whatever the batch size and 0 µs more" in texts(app)
    assert "Tags" not in shown
    against = app.dataframe[1].value
    assert against["Samples/s"].tolist() == ["1x", "16x"]
    assert against["Peak memory"].tolist() == against["Validation/token"].tolist() == ["1x", "1x"]
    differing = app.dataframe[2].value
    assert differing.index.tolist() == ["batch size"]
    assert differing.values.tolist() == [["2", "32"]]


def test_a_busy_machine_is_marked(open_page: Open, pair: list[int]) -> None:
    machine = MachineState(0.0, 2.0, 0.9, None, None)
    get_store().save_machine_state(pair[1], machine, machine)
    app = open_page("compare")
    assert table(app)["Marks"].tolist() == ["", "busy machine"]
    said = texts(app).replace("\\", "")
    assert "Run 2 · starter · batch 32: Measured on a busy machine" in said


def test_the_anatomy_as_shares_and_what_it_lacks(open_page: Open, pair: list[int]) -> None:
    app = open_page("compare")
    app = app.button_group(key="anatomy").set_value("share").run()
    assert not app.exception, app.exception
    app = app.multiselect(key="compared").set_value(pair[:1]).run()
    assert "choose runs of at least two batch sizes" in texts(app)
    older = started(get_store(), TrainConfig(batch_size=4), count=0)
    get_store().write_steps(older, steps((1, 9.0, 4, 9, 9, 20, 0.1, True)))
    app = open_page("compare")
    app = app.multiselect(key="compared").set_value([*pair, older]).run()
    assert f"Phases were not told apart in run {older}." in texts(app)
    app = app.multiselect(key="compared").set_value([older]).run()
    assert not app.exception, app.exception
    assert len(app.get("bidi_component")) == 3


@pytest.mark.usefixtures("pair")
def test_the_baseline_is_chosen(open_page: Open) -> None:
    app = open_page("compare")
    assert "".join(app.query_params["baseline"]) == "1"
    app = app.selectbox(key="baseline").select_index(1).run()
    assert not app.exception, app.exception
    assert app.dataframe[1].value["Samples/s"].tolist() == ["0.0625x", "1x"]
    assert "".join(app.query_params["baseline"]) == "2"
    get_store().rename_run(2, "another name")
    app = app.multiselect(key="compared").set_value([2, 1]).run()
    assert app.selectbox(key="baseline").value == 2
    app = app.multiselect(key="compared").set_value([1]).run()
    assert app.dataframe[1].value["Samples/s"].tolist() == ["1x"]


@pytest.mark.usefixtures("pair")
def test_the_address_holds_the_view(open_page: Open) -> None:
    assert open_page("compare").query_params["run"] == ["1", "2"]
    app = AppTest.from_file(DASHBOARD, default_timeout=60)
    app.query_params["run"] = ["2"]
    app.query_params["axis"] = "samples"
    app = app.switch_page("pages/compare/compare.py").run()
    assert table(app)["Batch"].tolist() == [32]
    assert "equally many sentences" in texts(app)


@pytest.mark.usefixtures("pair")
def test_a_link_to_a_run_that_is_gone_says_so(open_page: Open) -> None:
    open_page("compare")
    app = AppTest.from_file(DASHBOARD, default_timeout=60)
    app.query_params["run"] = ["2", "999"]
    app = app.switch_page("pages/compare/compare.py").run()
    assert [each.value for each in app.warning] == [
        "The link names runs that are not here (any more): 999."
    ]
    assert table(app)["Batch"].tolist() == [32]


@pytest.mark.usefixtures("pair")
def test_every_view_can_be_drawn(open_page: Open) -> None:
    app = open_page("compare")
    for key, value in [("axis", "seconds"), ("axis", "target tokens"), ("scale", "per sentence")]:
        app.button_group(key=key).set_value(value)
        app = app.run()
        assert not app.exception, app.exception
    app = app.toggle(key="log").set_value(True).run()
    app = app.slider(key="smoothing").set_value(0.0).run()
    assert not app.exception, app.exception


def test_an_unfinished_run_can_be_compared_and_a_run_without_steps_is_not_offered(
    open_page: Open,
) -> None:
    started(get_store(), TrainConfig(batch_size=4))
    started(get_store(), TrainConfig(batch_size=8), count=0)
    shown = table(open_page("compare"))
    assert shown["Batch"].tolist() == [4]
    assert shown["State"].tolist() == ["running"]
    assert shown["Peak memory"].tolist() == [500.0]


def test_at_first_the_latest_ended_runs_are_chosen(open_page: Open) -> None:
    for batch_size in (1, 2, 4, 8, 16, 32, 64, 128):
        ended(get_store(), TrainConfig(batch_size=batch_size))
    app = open_page("compare")
    assert table(app)["Batch"].tolist() == [4, 8, 16, 32, 64, 128]
    app = app.multiselect(key="compared").set_value([]).run()
    assert not app.dataframe
    assert app.info[0].value == "Choose at least one run."


def with_address(**values: str | list[str]) -> AppTest:
    """The page as a link shows it to somebody who was never there."""
    app = AppTest.from_file(DASHBOARD, default_timeout=60)
    for name, value in values.items():
        app.query_params[name] = value
    app = app.switch_page("pages/compare/compare.py").run()
    assert not app.exception, app.exception
    return app


@pytest.fixture
def repeats() -> list[int]:
    """Batch 2 once, and batch 32 with two seeds, at 320 and at half of it."""
    ids = [
        ended(get_store(), TrainConfig(batch_size=2)),
        ended(get_store(), TrainConfig(batch_size=32)),
        ended(get_store(), TrainConfig(batch_size=32, seed=1)),
    ]
    slow = some_steps(20, 32)
    slow["seconds"] *= 2
    get_store().write_steps(ids[2], slow)
    return ids


@pytest.mark.usefixtures("repeats")
def test_repeats_are_one_mean_with_its_spread(open_page: Open) -> None:
    app = open_page("compare")
    assert table(app)["Batch"].tolist() == [2, 32, 32]
    against = app.dataframe[1].value
    assert against["Run"].tolist() == ["1 · starter · batch 2", "2, 3 · starter · batch 32"]
    assert against["Samples/s"].tolist() == ["1x", "12x (8 to 16)"]
    assert "a band of their lowest to highest" in texts(app)
    assert app.dataframe[2].value.loc["seed"].tolist() == ["0", "0, 1"]
    app = app.button_group(key="repeats").set_value("quartiles").run()
    assert app.dataframe[1].value["Samples/s"].tolist() == ["1x", "12x (10 to 14)"]
    assert "a band of their middle half" in texts(app)
    app = app.button_group(key="repeats").set_value("each run").run()
    assert app.dataframe[1].value["Samples/s"].tolist() == ["1x", "16x", "8x"]
    assert "band" not in texts(app)


@pytest.mark.usefixtures("repeats")
def test_a_repeat_as_baseline_stands_for_its_group() -> None:
    app = with_address(run=["1", "2", "3"], baseline="3")
    assert app.selectbox(key="baseline").value == 2
    assert app.dataframe[1].value["Samples/s"].tolist()[1] == "1x (0.5 to 2)"
    assert with_address(baseline="nonsense").selectbox(key="baseline").value == 1


@pytest.mark.usefixtures("repeats")
def test_the_whole_view_is_in_the_address() -> None:
    app = with_address(
        run=["3", "1"], axis="seconds", scale="per sentence", smoothing="0.5", log="true",
        log_x="true", validation="true", repeats="quartiles", anatomy="share", baseline="3",
    )  # fmt: skip
    assert app.multiselect(key="compared").value == [3, 1]
    chosen = {
        key: app.button_group(key=key).value for key in ("axis", "scale", "repeats", "anatomy")
    }
    assert chosen == {
        "axis": "seconds", "scale": "per sentence", "repeats": "quartiles", "anatomy": "share",
    }  # fmt: skip
    assert [app.toggle(key=key).value for key in ("log", "log_x", "validation")] == [True] * 3
    assert app.slider(key="smoothing").value == 0.5
    assert app.selectbox(key="baseline").value == 3


def test_as_many_runs_as_there_are(open_page: Open) -> None:
    for number in range(70):
        ended(get_store(), TrainConfig(batch_size=1 + number), count=4)
    app = open_page("compare")
    app = app.multiselect(key="compared").set_value(list(range(1, 71))).run()
    assert len(table(app)) == 70
    assert app.query_params["run"] == [str(each) for each in range(1, 71)]


def press(app: AppTest, label: str) -> AppTest:
    (button,) = [each for each in app.button if each.label == label]
    app = button.click().run()
    assert not app.exception, app.exception
    return app


@pytest.fixture
def changing(open_page: Open) -> Callable[..., AppTest]:
    """The page with these runs chosen to be changed."""

    def open_(*run_ids: int) -> AppTest:
        app = open_page("compare")
        app.session_state["changing"] = True
        app = app.run()
        app = app.multiselect(key="changed").set_value(list(run_ids)).run()
        assert not app.exception, app.exception
        return app

    return open_


@pytest.mark.usefixtures("pair")
def test_a_run_is_described(changing: Callable[..., AppTest]) -> None:
    app = changing(2)
    app.text_input[0].set_value("  <b>mine</b> ")
    app.text_area[0].set_value("*quiet* machine")
    (tags,) = [each for each in app.multiselect if each.label == "Tags"]
    tags.set_value(["new one"])
    app = press(app, "Save")
    run = get_store().run(2)
    assert (run.name, run.notes, run.tags) == ("<b>mine</b>", "*quiet* machine", ("new one",))
    shown = table(app)
    assert shown["Run"].tolist()[1] == "2 · <b>mine</b>"
    assert [list(tags) for tags in shown["Tags"]] == [[], ["new one"]]
    assert shown["Notes"].tolist() == ["", "*quiet* machine"]
    app.text_input[0].set_value(" ")
    assert "at least one letter" in press(app, "Save").error[0].value


@pytest.mark.usefixtures("pair")
def test_tags_are_added_to_several_and_choose_what_is_offered(
    changing: Callable[..., AppTest], open_page: Open
) -> None:
    third = ended(get_store(), TrainConfig(batch_size=64))
    get_store().describe_run(1, "kept", ["first"])
    app = changing(1, 2)
    (tags,) = [each for each in app.multiselect if each.label == "Tags to add"]
    tags.set_value(["pair"])
    press(app, "Add")
    runs = {run.id: run for run in get_store().runs()}
    assert runs[1].tags == ("first", "pair")
    assert runs[1].notes == "kept"
    assert (runs[2].tags, runs[third].tags) == (("pair",), ())
    app = with_address(run=["2"], tag=["first"])
    assert app.multiselect(key="compared").options == [
        "2 · starter · batch 32",  # it is chosen already
        "1 · starter · batch 2",
    ]
    assert table(app)["Batch"].tolist() == [32]
    assert len(open_page("compare").multiselect(key="compared").options) == 3


@pytest.mark.usefixtures("pair")
def test_archived_runs_are_offered_when_asked_for(changing: Callable[..., AppTest]) -> None:
    press(changing(2), "Archive")
    app = with_address()
    assert app.multiselect(key="compared").options == ["1 · starter · batch 2"]
    app = app.toggle(key="archived").set_value(True).run()
    assert app.multiselect(key="compared").options[0] == "2 · starter · batch 32 (archived)"
    assert table(with_address(run=["2"]))["Batch"].tolist() == [32]
    press(changing(2), "Out of the archive")
    assert not with_address().toggle(key="log").value
    assert len(with_address().multiselect(key="compared").options) == 2


@pytest.mark.usefixtures("pair")
def test_deleting_is_undone(changing: Callable[..., AppTest]) -> None:
    app = press(changing(2), "Delete")
    assert [run.id for run in get_store().runs()] == [1]
    assert table(app)["Batch"].tolist() == [2]
    assert "Deleted **2 · starter" in app.markdown[-1].value.replace("\\", "")
    app = press(app, "Undo")
    assert table(app)["Batch"].tolist() == [2, 32]
    assert not [each for each in app.button if each.label == "Undo"]


@pytest.mark.usefixtures("pair")
def test_when_all_is_deleted_it_can_still_be_undone(changing: Callable[..., AppTest]) -> None:
    app = press(changing(1, 2), "Delete")
    assert get_store().runs() == []
    app.button(key="undo_1").click()
    assert table(app.run())["Batch"].tolist() == [2]


@pytest.mark.usefixtures("pair")
def test_deleting_lasts_when_the_dashboard_starts_again(
    changing: Callable[..., AppTest], open_page: Open
) -> None:
    press(changing(2), "Delete")
    get_scheduler().close()
    state._scheduler = None
    app = open_page("compare")
    assert table(app)["Batch"].tolist() == [2]
    assert not [each for each in app.button if each.label == "Undo"]
    with pytest.raises(UserError, match="Run 2 not found"):
        get_store().run(2)


def test_a_run_that_trains_is_neither_archived_nor_deleted(
    changing: Callable[..., AppTest],
) -> None:
    app = changing(started(get_store(), TrainConfig()))
    for label in ("Archive", "Delete"):
        (button,) = [each for each in app.button if each.label == label]
        assert button.disabled


def test_a_run_that_is_gone_meanwhile_is_a_sentence(changing: Callable[..., AppTest]) -> None:
    run_id = ended(get_store(), TrainConfig())
    app = changing(run_id)
    get_store().delete_run(run_id)
    get_store().purge_run(run_id)
    assert "Run 1 not found" in press(app, "Delete").error[0].value


def test_a_lost_loss_does_not_hide_the_run(open_page: Open) -> None:
    ended(get_store(), TrainConfig(learning_rate=9.0), RunState.DIVERGED)
    assert table(open_page("compare"))["State"].tolist() == ["diverged"]
