"""Ready-made choices for a new run."""

from typing import Any

from s2s.config import UNLIMITED, TrainConfig

ONE_MINUTE = "One-minute try"
ARTICLE_PAIR = "The article's pair"
ARTICLE_LONG = "The article's long run"

PRESETS: dict[str, tuple[str, tuple[int, ...], dict[str, Any]]] = {
    ONE_MINUTE: (
        "60 seconds of batch size 128 with Adam, which learns faster than the article's choices.",
        (128,),
        {
            "max_seconds": 60.0,
            "iterations": UNLIMITED,
            "optimizer": "adam",
            "learning_rate": 3e-3,
        },
    ),
    ARTICLE_PAIR: (
        "Batch sizes 2 and 32, 1,000 iterations each.",
        (2, 32),
        {"iterations": 1000},
    ),
    ARTICLE_LONG: (
        "Batch size 32, 10,000 iterations, translations every 1,000.",
        (32,),
        {"iterations": 10_000, "evaluate_every": 1000},
    ),
}
"""Name: what it does, its batch sizes, and what differs from the defaults."""


def configs(name: str, corpus: str = "starter") -> list[TrainConfig]:
    """One configuration for each of the preset's batch sizes."""
    _, batch_sizes, changes = PRESETS[name]
    return [TrainConfig(corpus=corpus, batch_size=each, **changes) for each in batch_sizes]
