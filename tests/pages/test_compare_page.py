"""The Compare page: choosing, figures, the address, renaming and deleting."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pages.parts import presets, shared
from s2s.config import TrainConfig
from s2s.records import MachineState, RunState
from tests.plausible import ended, started, steps

DASHBOARD = Path(__file__).parents[2] / "dashboard.py"
Open = Callable[[str], AppTest]


@pytest.fixture
def pair() -> list[int]:
    return [ended(shared.store(), TrainConfig(batch_size=each)) for each in (2, 32)]


def table(app: AppTest) -> pd.DataFrame:
    assert not app.exception, app.exception
    return app.dataframe[0].value


def texts(app: AppTest) -> str:
    return "\n".join(each.value for each in app.caption)


def test_an_empty_store_offers_the_articles_pair(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[TrainConfig] = []
    monkeypatch.setattr(shared.manager(), "submit", asked.extend)
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
    assert shown["Speed vs. run 1"].tolist() == pytest.approx([1, 16])
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
    differing = app.dataframe[1].value
    assert differing.index.tolist() == ["batch size"]
    assert differing.values.tolist() == [["2", "32"]]


def test_a_busy_machine_is_marked(open_page: Open, pair: list[int]) -> None:
    machine = MachineState(0.0, 2.0, 0.9, None, None)
    shared.store().note_machine(pair[1], machine, machine)
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
    older = started(shared.store(), TrainConfig(batch_size=4), count=0)
    shared.store().write_steps(older, steps((1, 9.0, 4, 9, 9, 20, 0.1, True)))
    app = open_page("compare")
    app = app.multiselect(key="compared").set_value([*pair, older]).run()
    assert f"Phases were not told apart in run {older}." in texts(app)
    app = app.multiselect(key="compared").set_value([older]).run()
    assert not app.exception, app.exception
    assert len(app.get("bidi_component")) == 3


@pytest.mark.usefixtures("pair")
def test_the_baseline_is_chosen(open_page: Open) -> None:
    app = open_page("compare")
    app = app.selectbox(key="baseline").select_index(1).run()
    assert table(app)["Speed vs. run 2"].tolist() == pytest.approx([1 / 16, 1])


@pytest.mark.usefixtures("pair")
def test_the_address_holds_the_view(open_page: Open) -> None:
    assert open_page("compare").query_params["run"] == ["1", "2"]
    app = AppTest.from_file(DASHBOARD, default_timeout=60)
    app.query_params["run"] = ["2"]
    app.query_params["axis"] = "samples"
    app = app.switch_page("pages/compare.py").run()
    assert table(app)["Batch"].tolist() == [32]
    assert "equally many sentences" in texts(app)


@pytest.mark.usefixtures("pair")
def test_a_link_to_a_run_that_is_gone_says_so(open_page: Open) -> None:
    open_page("compare")
    app = AppTest.from_file(DASHBOARD, default_timeout=60)
    app.query_params["run"] = ["2", "999"]
    app = app.switch_page("pages/compare.py").run()
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
    started(shared.store(), TrainConfig(batch_size=4))
    started(shared.store(), TrainConfig(batch_size=8), count=0)
    shown = table(open_page("compare"))
    assert shown["Batch"].tolist() == [4]
    assert shown["State"].tolist() == ["running"]
    assert shown["Peak memory"].tolist() == [500.0]


def test_at_first_the_latest_ended_runs_are_chosen(open_page: Open) -> None:
    for batch_size in (1, 2, 4, 8, 16, 32, 64, 128):
        ended(shared.store(), TrainConfig(batch_size=batch_size))
    app = open_page("compare")
    assert table(app)["Batch"].tolist() == [4, 8, 16, 32, 64, 128]
    app = app.multiselect(key="compared").set_value([]).run()
    assert not app.dataframe
    assert app.info[0].value == "Choose at least one run."


@pytest.mark.usefixtures("pair")
def test_a_run_is_renamed(open_page: Open) -> None:
    app = open_page("compare")
    app.text_input[0].set_value("  <b>mine</b> ")
    (rename,) = [each for each in app.button if each.label == "Rename"]
    app = rename.click().run()
    assert shared.store().run(2).name == "<b>mine</b>"
    assert table(app)["Run"].tolist()[1] == "2 · <b>mine</b>"


@pytest.mark.usefixtures("pair")
def test_a_run_is_deleted_only_after_a_question(open_page: Open) -> None:
    app = open_page("compare")
    assert "This cannot be undone" in app.markdown[-1].value
    (really,) = [each for each in app.button if each.label == "Delete for good"]
    app = really.click().run()
    assert not app.exception, app.exception
    assert [run.id for run in shared.store().runs()] == [1]
    assert table(app.run())["Batch"].tolist() == [2]


def test_a_run_that_another_tab_deleted_is_a_sentence(open_page: Open) -> None:
    run_id = ended(shared.store(), TrainConfig())
    app = open_page("compare")
    shared.store().delete_run(run_id)
    (really,) = [each for each in app.button if each.label == "Delete for good"]
    app = really.click().run()
    assert not app.exception, app.exception
    assert "There is no run 1" in app.error[0].value


def test_a_lost_loss_does_not_hide_the_run(open_page: Open) -> None:
    ended(shared.store(), TrainConfig(learning_rate=9.0), RunState.DIVERGED)
    assert table(open_page("compare"))["State"].tolist() == ["diverged"]
