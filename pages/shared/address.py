"""Page state in the address bar, where a visitor can type anything."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import streamlit as st

T = TypeVar("T")


def parse_ids(texts: Iterable[str]) -> list[int]:
    """Return the texts that can be the id of a run or a sweep, as numbers."""
    return [int(each) for each in texts if re.fullmatch("[0-9]{1,18}", each)]


def segmented_choice(label: str, options: Sequence[T], key: str, **more: Any) -> T:
    """Show a segmented control whose value is kept in the address; return the selected option.

    Args:
        label: The control's label.
        options: The options; the first is the default.
        key: Name of the widget and of the query parameter.
        more: Further arguments of `st.segmented_control`.
    """
    default: T | None = options[0]
    # With an empty parameter (`?axis=`) Streamlit would select nothing, although required.
    if "" in st.query_params.get_all(key):
        st.session_state.setdefault(key, default)
        default = None  # Streamlit warns if a widget has both a default and a state
    selected: T | None = st.segmented_control(
        label, options, default=default, required=True, key=key, bind="query-params", **more
    )
    return options[0] if selected is None else selected
