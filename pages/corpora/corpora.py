"""The Corpora page: list, add, inspect and remove corpora."""

import tempfile
from contextlib import suppress
from pathlib import Path

import streamlit as st

from pages.corpora.views import VIEWS
from pages.shared.escaping import escape
from pages.shared.state import get_store
from s2s.config import CorpusChoices, Direction, Normalizer
from s2s.data import catalog
from s2s.data.reader import make_safe_name
from s2s.errors import UserError
from s2s.paths import corpora_folder, folder_bytes
from s2s.records import CorpusInfo

folder = corpora_folder()
DIRECTIONS = {
    Direction.SECOND_TO_FIRST: "second column → first (French → English)",
    Direction.FIRST_TO_SECOND: "first column → second (English → French)",
}
NORMALIZERS = {
    Normalizer.UNICODE: "unicode: letters and digits of every script",
    Normalizer.ARTICLE: "article: a to z and . ! ? only",
}


def corpus_table(corpora: list[CorpusInfo]) -> None:
    rows = [
        {
            "Name": info.name,
            "Direction": f"{info.source_language} → {info.target_language}",
            "Pairs": info.pairs_kept,
            "Training / validation / test": format_counts(
                info.training_pairs, info.validation_pairs, info.test_pairs
            ),
            "Words": format_counts(info.source_words, info.target_words),
            "Vocabulary": format_counts(info.source_vocabulary, info.target_vocabulary),
            "Normalizer": str(info.choices.normalizer),
            "On disk": folder_bytes(folder / info.name),
        }
        for info in corpora
    ]
    columns = {
        "Pairs": st.column_config.NumberColumn(format="localized"),
        "Words": st.column_config.TextColumn(help="Distinct words, source / target."),
        "Vocabulary": st.column_config.TextColumn(
            help="Words in the model's vocabulary, source / target; special tokens included."
        ),
        "On disk": st.column_config.NumberColumn(format="bytes"),
    }
    st.dataframe(rows, column_config=columns)


def format_counts(*numbers: int) -> str:
    return " / ".join(f"{number:,}" for number in numbers)


def prepare(source: str | Path, name: str = "", choices: CorpusChoices | None = None) -> None:
    """Add a corpus and rerun the page, or show why it could not be added."""
    status = st.status("Preparing…", expanded=True)
    status.text("Please wait. Any other click on this page cancels it, and nothing is added.")
    bar = status.empty()

    def show_progress(activity: str, share: float | None) -> None:
        status.update(label=escape(activity))
        if share is not None:
            bar.progress(min(max(share, 0.0), 1.0))

    try:
        info = catalog.add(folder, source, name, choices, show_progress)
    except UserError as error:
        status.update(label="No corpus was added.", state="error", expanded=False)
        st.error(escape(error))
        return
    st.session_state["corpus"] = info.name
    st.session_state["corpora_message"] = (
        f"{info.name} is ready: {info.pairs_kept:,} of {info.pairs_read:,} pairs."
    )
    st.rerun()


def add_form() -> None:
    source = st.segmented_control(
        "Source", ["Language pair", "File"], default="Language pair", required=True, key="add_from"
    )
    is_file = source == "File"
    with st.form("add", border=False):
        if is_file:
            file = st.file_uploader(
                "File",
                ["tsv", "txt", "zip"],
                help="UTF-8 text with a sentence, a tab and its translation per line; further "
                "columns are ignored. Or a zip file with one such text.",
            )
        else:
            pair = st.selectbox(
                "Language pair",
                catalog.NAMED_PAIRS,
                index=catalog.NAMED_PAIRS.index("fra-eng"),
                format_func=lambda pair: f"{catalog.LANGUAGES[pair[:3]]} and English ({pair})",
                help="Downloaded once from manythings.org and kept under S2S_HOME.",
            )
            st.text(catalog.TATOEBA_ATTRIBUTION)
        name, choices = corpus_options()
        label = "Prepare" if is_file else "Download and prepare"
        is_submitted = st.form_submit_button(label, key="add_corpus")
    if not is_submitted:
        return
    if not is_file:
        prepare(pair, name, choices)
    elif file is None:
        st.error("Choose a file first.")
    else:
        with tempfile.TemporaryDirectory(prefix="s2s-upload-") as upload_folder:
            path = Path(upload_folder, make_safe_name(file.name))
            path.write_bytes(file.getbuffer())
            prepare(path, name, choices)


def corpus_options() -> tuple[str, CorpusChoices]:
    """Show the fields of a corpus's name and choices, and return their values."""
    left, right = st.columns(2)
    name = left.text_input(
        "Name", placeholder="name of the source",
        help="Letters, digits, dots, dashes and underscores.",
    )  # fmt: skip
    return name.strip(), CorpusChoices(
        direction=right.selectbox(
            "Direction", DIRECTIONS, key="corpus_direction", format_func=DIRECTIONS.get,
            help="Files of manythings.org have English in the first column.",
        ),
        normalizer=left.selectbox(
            "Normalizer", NORMALIZERS, key="corpus_normalizer", format_func=NORMALIZERS.get,
            help="How text becomes words. `article` erases every script except Latin.",
        ),
        max_length=right.number_input(
            "Maximum sentence length (words)", 1, 1000, CorpusChoices.max_length,
            key="corpus_max_length",
            help="Pairs with a longer sentence on either side are excluded.",
        ),
        min_count=left.number_input(
            "Minimum word count", 1, 1_000_000, CorpusChoices.min_count, key="corpus_min_count",
            help="Rarer words in the training split become UNK.",
        ),
        max_vocabulary=right.number_input(
            "Maximum vocabulary (words per side)", 0, 10_000_000, CorpusChoices.max_vocabulary,
            key="corpus_max_vocabulary",
            help="Keeps the most frequent words; the others become UNK. 0 means no limit.",
        ),
    )  # fmt: skip


def remove_button(name: str) -> None:
    unfinished = [run.id for run in get_store().unfinished_runs() if run.config.corpus == name]
    with st.popover("Remove this corpus"):
        if unfinished:
            st.text(f"Run {unfinished[-1]} still needs it. Stop that run first.")
            return
        st.text("Runs trained on it keep their records and can still translate.")
        if st.button("Remove", type="primary", key="remove"):
            with suppress(UserError):  # removed in another tab
                catalog.remove(folder, name)
            st.session_state["corpora_message"] = f"Removed {name}."
            st.rerun()


st.title("Corpora")
st.caption("Sentence pairs to train on, prepared once and kept on disk.")
corpora = catalog.list_corpora(folder)
names = [info.name for info in corpora]
with st.container():  # one element, however much it holds; else the expander below would close
    if message := st.session_state.pop("corpora_message", ""):
        st.success(escape(message))
    for error in catalog.list_damaged_corpora(folder):
        st.warning(escape(error))
    if corpora:
        corpus_table(corpora)
    if catalog.STARTER not in names:
        st.info(
            "The **starter** corpus is built in: 60,000 French and English sentence pairs, no "
            "network needed. It is prepared at its first use, within a few seconds."
        )
        if st.button("Prepare now", type="primary", key="prepare_starter"):
            prepare(catalog.STARTER)

with st.expander("Add a corpus", icon=":material/add:"):
    add_form()

if corpora:
    st.header("Inspect", divider="gray")
    name = st.selectbox("Corpus", names, key="corpus", bind="query-params")
    view = st.segmented_control(
        "Show", list(VIEWS), default="Counts", required=True, key="corpus_view"
    )
    try:
        VIEWS[view](catalog.open_corpus(folder, name))
    except UserError as error:  # removed in another tab, for example
        st.error(escape(error))
    remove_button(name)
