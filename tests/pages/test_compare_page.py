"""The Compare page: selection, figures, repeats, the address, and changes to runs."""

from collections.abc import Callable

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import state
from pages.shared.state import get_scheduler, get_store
from s2s.config import TrainConfig
from s2s.errors import UserError
from s2s.records import RunState
from tests.plausible import add_ended_run, add_started_run, some_steps, steps

OpenPage = Callable[..., AppTest]


@pytest.fixture
def pair() -> list[int]:
    return [add_ended_run(get_store(), TrainConfig(batch_size=each)) for each in (2, 32)]


@pytest.fixture
def repeats() -> list[int]:
    """Batch size 2 once, and 32 with two seeds, at 320 and at 160 samples per second."""
    configs = ({"batch_size": 2}, {"batch_size": 32}, {"batch_size": 32, "seed": 1})
    ids = [add_ended_run(get_store(), TrainConfig(**config)) for config in configs]
    slow = some_steps(20, 32)
    slow["seconds"] *= 2
    get_store().write_steps(ids[2], slow)
    return ids


def tables(page: AppTest) -> list[pd.DataFrame]:
    assert not page.exception, page.exception
    return [each.value for each in page.dataframe]


def batch_sizes(page: AppTest) -> list[int]:
    return tables(page)[0]["Batch size"].tolist()


def click(page: AppTest, key: str) -> AppTest:
    page = page.button(key=key).click().run()
    assert not page.exception, page.exception
    return page


@pytest.mark.usefixtures("pair")
def test_runs_side_by_side(open_page: OpenPage) -> None:
    page = open_page("compare")
    figures, ratios, differences = tables(page)
    assert figures["Batch size"].tolist() == [2, 32]
    assert figures["Samples/s"].tolist() == pytest.approx([20, 320])
    assert figures["Step time"].tolist() == pytest.approx([100, 100])  # ms
    assert figures["Padding ratio"].tolist() == pytest.approx([0.25, 0.25])
    assert figures["Validation loss per token"].tolist() == [7.0, 7.0]
    assert figures["Peak memory"].tolist() == [600.0, 600.0]  # MiB
    assert figures["Warnings"].tolist() == ["", ""]
    assert figures["IQR"].isna().all()  # 17 timed steps are too few
    assert ratios["Samples/s"].tolist() == ["1×", "16×"]
    assert ratios["Peak memory"].tolist() == ["1×", "1×"]
    assert differences.index.tolist() == ["batch size"]
    assert differences.values.tolist() == [["2", "32"]]
    assert len(page.get("bidi_component")) == 4
    page = page.multiselect(key="compared").set_value([]).run()
    assert not page.dataframe
    assert len(page.info) == 1


def test_runs_without_phases_or_steps_and_unfinished_or_diverged_ones(open_page: OpenPage) -> None:
    store = get_store()
    assert not open_page("compare").multiselect
    add_started_run(store, TrainConfig(batch_size=4))
    add_started_run(store, TrainConfig(batch_size=8), count=0)
    without_phases = add_started_run(store, TrainConfig(batch_size=16), count=0)
    store.write_steps(without_phases, steps((1, 9.0, 16, 9, 9, 20, 0.1, True)))
    add_ended_run(store, TrainConfig(learning_rate=9.0), RunState.DIVERGED)
    page = open_page("compare")
    assert batch_sizes(page) == [32]
    page = page.multiselect(key="compared").set_value([4, without_phases, 1]).run()
    figures = tables(page)[0]
    assert figures["State"].tolist() == ["running", "running", "diverged"]
    assert figures["Peak memory"].tolist()[0] == 500.0
    assert any(str(without_phases) in each.value for each in page.caption)
    assert len(page.multiselect(key="compared").options) == 3  # not run 2, which has no steps
    page = page.multiselect(key="compared").set_value([without_phases]).run()
    assert len(page.get("bidi_component")) == 3  # no anatomy


@pytest.mark.usefixtures("repeats")
def test_repeats_are_one_mean_with_a_range(open_page: OpenPage) -> None:
    page = open_page("compare")
    assert batch_sizes(page) == [2, 32, 32]
    _, ratios, differences = tables(page)
    assert ratios["Run"].tolist() == ["1 · starter · batch 2", "2, 3 · starter · batch 32"]
    assert ratios["Samples/s"].tolist() == ["1×", "12× (8 to 16)"]
    assert differences.loc["seed"].tolist() == ["0", "0, 1"]
    page = page.button_group(key="repeats").set_value("quartiles").run()
    assert tables(page)[1]["Samples/s"].tolist() == ["1×", "12× (10 to 14)"]
    page = page.button_group(key="repeats").set_value("each run").run()
    assert tables(page)[1]["Samples/s"].tolist() == ["1×", "16×", "8×"]


@pytest.mark.usefixtures("repeats")
def test_the_baseline_is_a_run_or_its_group(open_page: OpenPage) -> None:
    page = open_page("compare", run=["1", "2", "3"], baseline="3")
    assert page.selectbox(key="baseline").value == 2
    assert tables(page)[1]["Samples/s"].tolist()[1] == "1× (0.5 to 2)"
    page = page.selectbox(key="baseline").set_value(1).run()
    assert "".join(page.query_params["baseline"]) == "1"
    page = page.multiselect(key="compared").set_value([2]).run()
    assert page.selectbox(key="baseline").value == 2
    assert open_page("compare", baseline="nonsense").selectbox(key="baseline").value == 1


@pytest.mark.usefixtures("repeats")
def test_the_address_holds_the_whole_view(open_page: OpenPage) -> None:
    page = open_page(
        "compare", run=["3", "1", "999"], axis="seconds", scale="per sentence", smoothing="0.5",
        log="true", log_x="true", validation="true", repeats="quartiles", anatomy="share",
        baseline="3",
    )  # fmt: skip
    assert page.multiselect(key="compared").value == [3, 1]
    keys = ("axis", "scale", "repeats", "anatomy")
    assert [page.button_group(key=key).value for key in keys] == [
        "seconds", "per sentence", "quartiles", "share",
    ]  # fmt: skip
    assert [page.toggle(key=key).value for key in ("log", "log_x", "validation")] == [True] * 3
    assert page.slider(key="smoothing").value == 0.5
    assert page.selectbox(key="baseline").value == 3
    [warning] = page.warning
    assert "999" in warning.value
    assert page.query_params["run"] == ["3", "1"]


@pytest.fixture
def open_changes(open_page: OpenPage) -> OpenPage:
    """Open the page with these runs selected to be changed."""

    def open_(*run_ids: int) -> AppTest:
        page = open_page("compare")
        page.session_state["changing"] = True
        page = page.run()
        return page.multiselect(key="changed").set_value(list(run_ids)).run()

    return open_


@pytest.mark.usefixtures("pair")
def test_a_run_is_described_and_several_are_tagged(
    open_changes: OpenPage, open_page: OpenPage
) -> None:
    page = open_changes(2)
    page.text_input[0].set_value("  <b>mine</b> ")
    page.text_area[0].set_value("*quiet* machine")
    page.multiselect[-1].set_value(["new one"])
    page = click(page, "save_description")
    run = get_store().run(2)
    assert (run.name, run.notes, run.tags) == ("<b>mine</b>", "*quiet* machine", ("new one",))
    figures = tables(page)[0]
    assert figures["Run"].tolist()[1] == "2 · <b>mine</b>"
    assert [list(tags) for tags in figures["Tags"]] == [[], ["new one"]]
    assert figures["Notes"].tolist() == ["", "*quiet* machine"]
    page.text_input[0].set_value(" ")
    assert len(click(page, "save_description").error) == 1

    page = open_changes(1, 2)
    page.multiselect(key="added_tags").set_value(["pair"])
    click(page, "save_tags")
    assert [run.tags for run in get_store().runs()] == [("new one", "pair"), ("pair",)]
    assert get_store().run(2).notes == "*quiet* machine"
    page = open_page("compare", run=["1"], tag=["new one"])
    assert len(page.multiselect(key="compared").options) == 2  # run 1 is selected already


@pytest.mark.usefixtures("pair")
def test_archived_runs_are_offered_on_request(open_changes: OpenPage, open_page: OpenPage) -> None:
    page = click(open_changes(2), "archive")
    page = open_page("compare")
    assert len(page.multiselect(key="compared").options) == 1
    page = page.toggle(key="archived").set_value(True).run()
    assert len(page.multiselect(key="compared").options) == 2
    click(open_changes(2), "unarchive")
    assert len(open_page("compare").multiselect(key="compared").options) == 2


@pytest.mark.usefixtures("pair")
def test_deletion_can_be_undone_until_the_dashboard_restarts(
    open_changes: OpenPage, open_page: OpenPage
) -> None:
    page = click(open_changes(1, 2), "delete")
    assert get_store().runs() == []
    assert batch_sizes(click(page, "undo_1")) == [2]
    get_scheduler().close()
    state._scheduler = None
    page = open_page("compare")
    assert "undo_2" not in [each.key for each in page.button]
    with pytest.raises(UserError, match="Run 2"):
        get_store().run(2)


def test_a_running_run_cannot_be_archived_or_deleted(open_changes: OpenPage) -> None:
    page = open_changes(add_started_run(get_store(), TrainConfig()))
    assert all(page.button(key=each).disabled for each in ("archive", "delete"))
