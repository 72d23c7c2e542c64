"""The advisor's page on a sweep whose law is known, and what becomes of its confirming run."""

import json
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import state as shared
from s2s.config import TrainConfig
from s2s.records import Evaluation, RunState
from tests import studies
from tests.plausible import summary


@pytest.fixture
def page(open_page: Callable[[str], AppTest]) -> AppTest:
    """Of the study, with the target of which its law tells."""
    sweep_id = studies.written(shared.store())
    page = open_page("advisor").number_input(key=f"target_{sweep_id}").set_value(3.0).run()
    assert not page.exception, page.exception
    return page


def confirm_button(page: AppTest) -> list[str]:
    return [each.label for each in page.button if each.label.startswith("Confirm")]


def confirmed(page: AppTest, state: RunState, evaluations: list[Evaluation]) -> AppTest:
    """The page after the confirming run was asked for, and ended in `state`."""
    [button] = [each for each in page.button if each.label.startswith("Confirm")]
    asked: list[TrainConfig] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared.manager(), "submit", asked.extend)
        assert not button.click().run().exception
    [config] = asked
    store = shared.store()
    run_id = store.create_run(config)
    page = page.run()
    assert "is queued" in page.info[0].value
    assert confirm_button(page) == []
    store.start_run(run_id, "cpu", {})
    for evaluation in evaluations:
        store.add_evaluation(run_id, evaluation)
    store.finish_run(run_id, state, summary(run_id, state, config, 9), "It was too hot.")
    page = page.run()
    assert not page.exception, page.exception
    assert confirm_button(page) == []
    return page


def test_the_range_its_reason_and_what_is_to_be_known(page: AppTest) -> None:
    # 100 * (1 + 32 / B) steps of 10 + 0.5 * B ms: 5.4 s at 16, 5.2 s at 32, 6.3 s at 64.
    assert [each.value for each in page.subheader] == ["Batch size 16 to 32"]
    said = " ".join(each.value for each in page.markdown)
    assert "Anything from 16 to 32 is right on this machine" in said
    assert "here all sizes had the same one" in said
    notes = "\n".join(each.value for each in page.caption)
    assert "at most 2,000 samples/s, 90 % of that at batch 180" in notes
    assert confirm_button(page) == ["Confirm with one more run at 32"]
    drawn = [json.loads(each.proto.json) for each in page.get("bidi_component")]
    told = {each["figure"]["layout"]["title"]["text"]: each["text"].split(".")[0] for each in drawn}
    assert told == {
        "Time to the target": "Predicted training time to the target against the batch size",
        "Steps and samples to the target": "Steps to the target against the batch size",
        "Throughput": "Samples per second against the batch size",
    }


def test_no_range_where_the_largest_size_may_not_be_the_end(
    open_page: Callable[[str], AppTest],
) -> None:
    """Up to 8 every larger size is faster, and where that ends was not measured."""
    studies.written(shared.store(), batch_sizes=(2, 4, 8))
    page = open_page("advisor")
    assert not page.exception, page.exception
    assert [each.value for each in page.subheader] == ["Not identifiable from these runs"]
    assert "may be faster still" in " ".join(each.value for each in page.markdown)


def test_a_confirming_run_that_reached_the_target(page: AppTest) -> None:
    reached = [Evaluation(0, 0.0, 10.0, ()), Evaluation(200, 2 * 5.2, 3.0, ())]
    [said] = [each.value for each in confirmed(page, RunState.FINISHED, reached).success]
    assert said == "Predicted: 5.2 s (5.1 s to 5.3 s). Actual: 10 s, 100% more."


def test_a_confirming_run_that_failed(page: AppTest) -> None:
    page = confirmed(page, RunState.FAILED, [])
    assert [each.value for each in page.warning] == ["The confirming run failed: It was too hot\\."]
    assert not page.success


def test_the_sweeps_own_target_stands_in_the_form(open_page: Callable[[str], AppTest]) -> None:
    studies.written(shared.store(), budget="target", target_loss=3.0)
    page = open_page("advisor")
    assert page.number_input[0].value == 3.0
    assert "reaches a validation loss of 3 per token" in " ".join(
        each.value for each in page.markdown
    )


def test_the_advice_is_of_the_engine_chosen(open_page: Callable[[str], AppTest]) -> None:
    """Of two engines the first at first; the other one's runs are made half as fast."""
    sweep_id = studies.written(shared.store(), engines=("fused", "article"))
    page = open_page("advisor").number_input(key=f"target_{sweep_id}").set_value(3.0).run()
    assert page.button_group[0].value == "fused"
    notes = "\n".join(each.value for each in page.caption)
    assert "fused: at most 2,000 samples/s" in notes
    assert "article:" not in notes
    page = page.button_group[0].set_value("article").run()
    assert not page.exception, page.exception
    notes = "\n".join(each.value for each in page.caption)
    assert "article: at most 1,000 samples/s" in notes
    assert "fused:" not in notes


def test_a_run_of_another_kind_confirms_nothing(page: AppTest) -> None:
    """Those of the sweep itself have the recommended size too."""
    assert any(run.config.batch_size == 32 for run in shared.store().runs())
    shared.store().create_run(TrainConfig(batch_size=32, seed=3))
    assert confirm_button(page.run()) == ["Confirm with one more run at 32"]
