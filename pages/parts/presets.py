"""Ready-made choices for a new run."""

from typing import Any

from s2s.config import TrainConfig

UNLIMITED = 1_000_000
"""Iterations of a run that a time limit is meant to end."""
ONE_MINUTE = "One-minute try"
ARTICLE_PAIR = "The article's pair"
ARTICLE_LONG = "The article's long run"

PRESETS: dict[str, tuple[str, tuple[int, ...], dict[str, Any]]] = {
    ONE_MINUTE: (
        "Batch size 32 for 60 seconds.",
        (32,),
        {"max_seconds": 60.0, "iterations": UNLIMITED},
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
