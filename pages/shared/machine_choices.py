"""Choices that forms share: engine, device, precision, threads, sentences to follow."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages.shared import state as shared
from s2s.config import Engine, Precision

ENGINES = {
    Engine.ARTICLE: "token by token as the article does; slower, but what it measured.",
    Engine.FUSED: "one recurrent call a side.",
    Engine.GRAPHED: "as fused, but each step is one launch of a captured CUDA graph.",
}
PRECISIONS = {
    Precision.FP32: "float32 throughout.",
    Precision.TF32: "factors of products rounded to 10 bits on the GPU, sums in float32.",
    Precision.BF16: "the output projection in bfloat16; the rest in float32, on a GPU in tf32.",
}


def without_gpu(*choices: Any) -> tuple[Any, ...]:
    """Those of them that this machine cannot compute: all of them where it has no GPU.

    Not known until torch is loaded; a choice that was made is not taken away before.
    """
    devices = shared.manager().devices()
    on_gpu = not devices or any(device.startswith("cuda") for device in devices)
    return () if on_gpu else choices


def machine_choices(prefix: str) -> None:
    """Device, precision and threads; the session holds a value of each under `prefix` + name."""
    devices = shared.manager().devices()
    device = f"{prefix}device"
    if st.session_state[device] not in ("auto", *devices):
        st.session_state[device] = "auto"
    if len(devices) > 1:
        st.selectbox("Device", ["auto", *devices], key=device, persist_state="session")
    select_one_of(
        "Precision", f"{prefix}precision", PRECISIONS, Precision.FP32,
        without=without_gpu(Precision.TF32),
    )  # fmt: skip
    st.number_input(
        "Processor threads", min_value=0, max_value=1024, step=1, key=f"{prefix}threads",
        help="0: torch's own choice.", persist_state="session",
    )  # fmt: skip


def select_one_of(
    label: str, key: str, choices: dict[Any, str], usual: Any, without: Sequence[Any] = ()
) -> None:
    """Choices with a line of help each."""
    offered = {choice: help_ for choice, help_ in choices.items() if choice not in without}
    if st.session_state[key] not in offered:  # from a run made on another machine
        st.session_state[key] = usual
    lines = [f"{choice.value}: {help_}" for choice, help_ in offered.items()]
    st.selectbox(label, list(offered), key=key, help="\n\n".join(lines), persist_state="session")


def sentences_to_follow(key: str) -> None:
    """One a line; `sentences` reads them."""
    st.text_area(
        "Your own sentences to follow",
        key=key,
        placeholder="One a line; translated at each evaluation",
        height=80,
        persist_state="session",
    )


def sentences(lines: str) -> tuple[str, ...]:
    """Those that hold anything."""
    return tuple(line.strip() for line in lines.splitlines() if line.strip())
