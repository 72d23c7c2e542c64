"""Presets for new runs, and the panel that offers two of them before the first run."""

from collections.abc import Callable
from typing import Any, NamedTuple

import streamlit as st

from pages.shared.errors import catch_errors
from s2s.config import MAX_ITERATIONS, TrainConfig


class Preset(NamedTuple):
    """One run per batch size, with the given changes to the default settings."""

    name: str
    help: str
    batch_sizes: tuple[int, ...]
    changes: dict[str, Any]

    def build_configs(self, corpus: str = "starter") -> list[TrainConfig]:
        """Return one configuration per batch size."""
        changes = {"corpus": corpus, **self.changes}
        return [TrainConfig(batch_size=each, **changes) for each in self.batch_sizes]


ONE_MINUTE = Preset(
    "One minute",
    "60 seconds at batch size 128 with Adam at a learning rate of 0.003, which learns faster than "
    "the article's settings.",
    (128,),
    {"max_seconds": 60.0, "iterations": MAX_ITERATIONS, "optimizer": "adam", "learning_rate": 3e-3},
)
ARTICLE_PAIR = Preset(
    "Article: batch sizes 2 and 32",
    "Batch sizes 2 and 32, 1,000 iterations each.",
    (2, 32),
    {"iterations": 1000},
)
ARTICLE_LONG = Preset(
    "Article: long run",
    "Batch size 32, 10,000 iterations, evaluated every 1,000.",
    (32,),
    {"iterations": 10_000, "evaluate_every": 1000},
)
PRESETS = (ONE_MINUTE, ARTICLE_PAIR, ARTICLE_LONG)


def welcome_panel(start: Callable[[list[TrainConfig]], None]) -> None:
    """Introduce s2s to a first visitor, with two buttons that call `start`."""
    with st.container(border=True):
        st.subheader("Teach this computer to translate")
        st.write(
            "s2s trains a small French → English translator on this machine and shows how the "
            "**batch size** affects speed, memory and learning. A starter corpus is built in; "
            "nothing is downloaded."
        )
        with st.container(horizontal=True):
            st.button(
                "Train for one minute", key="start_one_minute", type="primary",
                icon=":material/play_arrow:", on_click=catch_errors(start),
                args=(ONE_MINUTE.build_configs(),),
            )  # fmt: skip
            st.button(
                "Train the article's pair: batch sizes 2 and 32", key="start_article_pair",
                on_click=catch_errors(start), args=(ARTICLE_PAIR.build_configs(),),
            )  # fmt: skip
        st.caption("To choose the settings yourself, open **New run** below.")
