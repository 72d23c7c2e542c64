"""What was chosen, and what differs."""

from s2s.config import UNLIMITED, Engine, TrainConfig
from s2s.text.choices import choices, differences


def test_choices_in_words() -> None:
    said = choices(TrainConfig(iterations=10_000, sentences=("un", "deux"), continue_from=None))
    assert said["iterations"] == "10,000"
    assert said["learning rate"] == "0.001"
    assert said["sentences"] == "un / deux"
    assert said["keep optimizer"] == "no"
    assert said["keep weights"] == "yes"
    assert said["continue_from"] == "–"
    assert "max seconds" not in said
    assert choices(TrainConfig())["sentences"] == "–"


def test_only_differences_are_told() -> None:
    first = TrainConfig(batch_size=2, max_seconds=60.0)
    second = TrainConfig(batch_size=32, engine=Engine.ARTICLE)
    assert differences([first, second]) == {
        "batch size": ["2", "32"],
        "max seconds": ["60", "–"],
        "engine": ["fused", "article"],
    }
    assert differences([first, first]) == differences([first]) == differences([]) == {}


def test_a_run_by_time_shows_no_number_of_iterations() -> None:
    by_time = TrainConfig(max_seconds=60.0, iterations=UNLIMITED)
    assert differences([by_time, TrainConfig()]) == {
        "iterations": ["–", "1,000"],
        "max seconds": ["60", "–"],
    }
