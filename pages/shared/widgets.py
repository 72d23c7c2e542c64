"""Widgets that several pages share, and values that they keep in the address."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import streamlit as st

from pages.shared.errors import catch_errors, rerun_when
from pages.shared.state import get_estimator, get_store
from s2s.config import Engine, Precision
from s2s.data import catalog
from s2s.errors import UserError
from s2s.paths import corpora_folder
from s2s.records import RunState
from s2s.validation import parse_batch_sizes

T = TypeVar("T")
_BATCH_SIZES = [str(2**power) for power in range(11)]
ENGINES = {
    Engine.ARTICLE: "one token at a time, as in the article; slower.",
    Engine.FUSED: "one recurrent call per encoder and decoder.",
    Engine.GRAPHED: "as fused, with each step captured as one CUDA graph.",
}
_GPU_ONLY = (Engine.GRAPHED, Precision.TF32)
PRECISIONS = {
    Precision.FP32: "float32 throughout.",
    Precision.TF32: "matrix products with 10-bit factors on the GPU, sums in float32.",
    Precision.BF16: "output projection in bfloat16, the rest in float32 (tf32 on a GPU).",
}


def corpus_select(key: str, **options: Any) -> str:
    """Show a select box of all corpora, the built-in one first, and return the selected name."""
    infos = {info.name: info for info in catalog.list_corpora(corpora_folder())}
    names = list({catalog.STARTER: None} | infos)
    if st.session_state.get(key) not in names:  # the corpus has been removed
        st.session_state[key] = catalog.STARTER

    def label(name: str) -> str:
        pairs = f"{infos[name].training_pairs:,} pairs" if name in infos else "built in"
        return f"{name} · {pairs}"

    selected: str = st.selectbox(
        "Corpus", names, key=key, format_func=label, persist_state="session", **options
    )
    return selected


def batch_size_select(key: str, help_: str | None = None) -> None:
    """Show a multiselect of batch sizes; read it with `parse_selected_sizes`."""
    st.multiselect(
        "Batch sizes", _BATCH_SIZES, key=key, accept_new_options=True, select_all=False,
        placeholder="Select or type a number", help=help_, persist_state="session",
    )  # fmt: skip


def parse_selected_sizes(selected: Sequence[str]) -> list[int]:
    """Return the selected or typed batch sizes; raise UserError if they are not valid."""
    if not selected:
        raise UserError("Select at least one batch size, such as 32.")
    return parse_batch_sizes(", ".join(selected))


def filter_available(options: dict[Any, str]) -> dict[Any, str]:
    """Return the options that work on this machine, with their help.

    Devices are unknown until torch is loaded; until then every option is offered.
    """
    devices = get_estimator().devices()
    has_gpu = not devices or any(device.startswith("cuda") for device in devices)
    return {each: text for each, text in options.items() if has_gpu or each not in _GPU_ONLY}


def machine_widgets(prefix: str) -> None:
    """Show widgets for device, precision and threads. Each widget's key is `prefix` + name."""
    devices = get_estimator().devices()
    device = f"{prefix}device"
    if st.session_state[device] not in ("auto", *devices):
        st.session_state[device] = "auto"
    if len(devices) > 1:
        st.selectbox("Device", ["auto", *devices], key=device, persist_state="session")
    select_with_help("Precision", f"{prefix}precision", PRECISIONS, Precision.FP32)
    st.number_input(
        "CPU threads", min_value=0, max_value=1024, step=1, key=f"{prefix}threads",
        help="0: torch's default.", persist_state="session",
    )  # fmt: skip


def select_with_help(label: str, key: str, options: dict[Any, str], default: Any) -> None:
    """Show a select box of the options that work on this machine, with one line of help each.

    Args:
        options: Help by option.
        default: Option to select in place of one that does not work.
    """
    offered = filter_available(options)
    if st.session_state[key] not in offered:
        st.session_state[key] = default
    lines = [f"{option.value}: {text}" for option, text in offered.items()]
    st.selectbox(label, list(offered), key=key, help="\n\n".join(lines), persist_state="session")


def sample_sentences_area(key: str) -> None:
    """Show a text area for the user's own sentences; read it with `split_sentences`."""
    st.text_area(
        "Sample sentences (one per line)", key=key, height=80, persist_state="session",
        placeholder="Translated at each evaluation, to see how translations improve",
    )  # fmt: skip


def split_sentences(text: str) -> tuple[str, ...]:
    """Return the lines that are not blank, stripped."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def wait_for_estimate(is_ready: Callable[[], bool]) -> None:
    """Show that step times are being measured; rerun the page once `is_ready` returns true."""
    is_training = any(run.state is RunState.RUNNING for run in get_store().runs())
    when = " once the current run has ended" if is_training else ""
    st.caption(f"Measuring step times{when}…")
    rerun_when(is_ready)


def lazy_expander(label: str, icon: str, key: str, draw: Callable[[], object]) -> None:
    """Show an expander whose contents are drawn by `draw`, only while it is open.

    Streamlit would draw the contents of a closed expander at every refresh too. An error of `draw`
    is shown in the expander. `st.session_state[key]` tells whether it is open.
    """
    panel = st.expander(label, icon=f":material/{icon}:", key=key, on_change="rerun")
    if panel.open:
        with panel:
            catch_errors(draw)()


def parse_ids(texts: Iterable[str]) -> list[int]:
    """Return the ids of runs or sweeps in `texts` as numbers; ignore texts that cannot be ids."""
    return [int(each) for each in texts if re.fullmatch("[0-9]{1,18}", each)]


def segmented_choice(label: str, options: Sequence[T], key: str, **more: Any) -> T:
    """Show a segmented control whose value is kept in the address; return the selected option.

    Args:
        options: The options, of which the first is the default.
        key: Key of the widget and name of the query parameter.
    """
    default: T | None = options[0]
    # With an empty parameter (`?axis=`) Streamlit would select nothing, despite `required`.
    if "" in st.query_params.get_all(key):
        st.session_state.setdefault(key, default)
        default = None  # Streamlit warns if a widget has both a default and a state
    selected: T | None = st.segmented_control(
        label, options, default=default, required=True, key=key, bind="query-params", **more
    )
    return options[0] if selected is None else selected
