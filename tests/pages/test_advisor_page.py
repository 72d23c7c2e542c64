"""The Advisor page on a sweep whose model is known, and its confirming run."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared.state import get_scheduler, get_store
from s2s.config import TrainConfig
from s2s.records import Evaluation, RunState
from tests import studies
from tests.plausible import summary

OpenPage = Callable[[str], AppTest]
CONFIRM = "confirm_recommendation"


@pytest.fixture
def page(open_page: OpenPage) -> AppTest:
    """The study at the target that its model is known for."""
    sweep_id = studies.save(get_store(), engines=("fused", "article"))
    page = open_page("advisor").number_input(key=f"target_{sweep_id}").set_value(3.0).run()
    assert not page.exception, page.exception
    return page


def keys(page: AppTest) -> list[str | None]:
    return [button.key for button in page.button]


def test_without_a_sweep_it_links_to_the_sweep_page(open_page: OpenPage) -> None:
    page = open_page("advisor")
    assert not page.exception
    assert page.get("page_link")


def test_the_recommended_range_and_its_charts(page: AppTest) -> None:
    # 100 * (1 + 32 / B) steps of 10 + 0.5 * B ms: 5.4 s at 16, 5.2 s at 32, 6.3 s at 64.
    assert [each.value for each in page.subheader] == ["Batch size 16 to 32"]
    assert len(page.get("bidi_component")) >= 3
    assert page.button_group[0].value == "fused"
    page = page.button_group[0].set_value("article").run()
    assert not page.exception


def test_a_target_that_no_run_reached_is_one_message(page: AppTest) -> None:
    page.number_input[0].set_value(0.01).run()
    assert not page.exception
    assert len(page.info) == 1
    assert CONFIRM not in keys(page)


@pytest.mark.parametrize("state", [RunState.FINISHED, RunState.FAILED])
def test_the_confirming_run(
    page: AppTest, state: RunState, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = get_store()
    store.create_run(TrainConfig(batch_size=32, seed=3))  # another run of that size is none
    submitted: list[TrainConfig] = []
    monkeypatch.setattr(get_scheduler(), "submit", submitted.extend)
    assert not page.run().button(key=CONFIRM).click().run().exception
    [config] = submitted
    assert (config.batch_size, config.seed, config.target_loss) == (32, 3, 3.0)
    run_id = store.create_run(config)
    page = page.run()
    assert page.info
    assert CONFIRM not in keys(page)
    store.start_run(run_id, "cpu", {})
    for iteration, loss in ((0, 10.0), (200, 3.0)):
        store.add_evaluation(run_id, Evaluation(iteration, iteration * 0.052, loss, ()))
    store.finish_run(run_id, summary(run_id, state, config, 9))
    page = page.run()
    assert not page.exception, page.exception
    assert (len(page.success), len(page.warning)) == (
        (1, 0) if state.name == "FINISHED" else (0, 1)
    )
