"""What a stranger sees before the first run: what this is, and one button."""

from collections.abc import Callable

import streamlit as st

from pages.shared.errors import guarded
from pages.train import presets
from s2s.config import TrainConfig


def first_use(start: Callable[[list[TrainConfig]], None]) -> None:
    """A panel whose buttons call `start` with what to train."""
    with st.container(border=True):
        st.subheader("Teach this computer to translate")
        st.write(
            "s2s trains a small French → English translator on this machine and shows what the "
            "**batch size** does to its speed, its memory and what it learns. A starter corpus "
            "is built in; nothing is downloaded."
        )
        with st.container(horizontal=True):
            st.button(
                "Start a one-minute try",
                type="primary",
                icon=":material/play_arrow:",
                on_click=guarded(start),
                args=(presets.configs(presets.ONE_MINUTE),),
            )
            st.button(
                "Train the article's pair: batch 2, then 32",
                on_click=guarded(start),
                args=(presets.configs(presets.ARTICLE_PAIR),),
            )
        st.caption("Or choose everything yourself under **New run** below.")
