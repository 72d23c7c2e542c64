"""The pages Sweep and Advisor, on a real small sweep."""

from collections.abc import Callable
from threading import Event

import pytest
from streamlit.testing.v1 import AppTest

from pages.parts import shared
from s2s.config import SweepConfig, TrainConfig
from s2s.records import SweepState
from s2s.runs.sweep import run_sweep
from s2s.runs.sweeps import create_sweep, read_sweep, read_sweeps, take


@pytest.fixture
def swept(add_corpus: Callable[..., str]) -> int:
    """Three sizes, two repeats, some thousand samples each; returns its id."""
    base = TrainConfig(corpus=add_corpus(), hidden_size=8, threads=1, device="cpu")
    config = SweepConfig(base=base, batch_sizes=(8, 16, 32), repeats=2, amount=12_000)
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
        "A batch size is a whole number such as 32; got 'x'."
    ]
    assert not page.button


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
    assert "choose another target" in page.info[0].value
    page.number_input(key=f"target_{swept}").set_value(0.0).run()
    [confirm] = [button for button in page.button if button.label.startswith("Confirm with")]
    before = len(shared.store().runs())
    confirm.click().run()
    assert not page.exception
    newest = shared.store().runs()
    assert len(newest) == before + 1
    assert newest[0].config.seed == 2
    assert newest[0].config.target_loss > 0


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
    shared.manager().close()
    assert read_sweep(shared.store(), sweep.id).state in (SweepState.FINISHED, SweepState.STOPPED)
