"""What stands in an address, where anybody can type anything."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import streamlit as st

T = TypeVar("T")


def ids_in(texts: Iterable[str]) -> list[int]:
    """Those that can be an id of a run or a sweep."""
    return [int(each) for each in texts if re.fullmatch("[0-9]{1,18}", each)]


def choice(label: str, options: Sequence[T], key: str, **more: Any) -> T:
    """One of the options, kept in the address; at first the first of them.

    An empty parameter there would leave Streamlit's own control, required as it is, without one.
    """
    default: T | None = options[0]
    if "" in st.query_params.get_all(key):
        st.session_state.setdefault(key, default)
        default = None  # Streamlit warns of two
    picked: T | None = st.segmented_control(
        label, options, default=default, required=True, key=key, bind="query-params", **more
    )
    return options[0] if picked is None else picked
