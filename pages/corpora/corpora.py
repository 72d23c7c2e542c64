"""Corpora: what there is to train on, how to add to it, and a look inside."""

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import streamlit as st

from pages.corpora.views import VIEWS
from pages.shared.escaping import inert
from pages.shared.state import store
from s2s.config import CorpusChoices, Direction, Normalizer, UserError
from s2s.data import catalog
from s2s.data.reader import safe_name
from s2s.paths import corpora_folder, folder_bytes
from s2s.records import CorpusInfo

folder = corpora_folder()


def show_list(corpora: list[CorpusInfo]) -> None:
    st.dataframe(
        [
            {
                "name": info.name,
                "direction": f"{info.source_language} → {info.target_language}",
                "pairs": info.pairs_kept,
                "training / validation / test": counts(
                    info.training_pairs, info.validation_pairs, info.test_pairs
                ),
                "words": counts(info.source_words, info.target_words),
                "vocabulary": counts(info.source_vocabulary, info.target_vocabulary),
                "normaliser": str(info.choices.normalizer),
                "on disk": folder_bytes(folder / info.name),
            }
            for info in corpora
        ],
        column_config={
            "pairs": st.column_config.NumberColumn(format="localized"),
            "words": st.column_config.TextColumn(help="Distinct words of source / target."),
            "vocabulary": st.column_config.TextColumn(
                help="Words that the model knows, of source / target; special symbols included."
            ),
            "on disk": st.column_config.NumberColumn(format="bytes"),
        },
    )


def counts(*numbers: int) -> str:
    return " / ".join(f"{number:,}" for number in numbers)


def prepare(what: str | Path, name: str = "", choices: CorpusChoices | None = None) -> None:
    """Adds a corpus and starts the page anew; or says why it could not."""
    status = st.status("Preparing …", expanded=True)
    status.text("Please wait: any other click here ends it, and then nothing is added.")
    bar = status.empty()

    def progress(doing: str, share: float | None) -> None:
        status.update(label=inert(doing))
        if share is not None:
            bar.progress(min(max(share, 0.0), 1.0))

    try:
        info = catalog.add(folder, what, name, choices, progress)
    except UserError as error:
        status.update(label="Nothing was added.", state="error", expanded=False)
        st.error(inert(error))
        return
    st.session_state["corpus"] = info.name
    st.session_state["corpora_news"] = (
        f"{info.name} is ready: {info.pairs_kept:,} pairs of {info.pairs_read:,} read."
    )
    st.rerun()


def show_starter() -> None:
    st.info(
        "The **starter** corpus comes with s2s: French and English sentences from its own grammar, "
        "no network needed. It is prepared at its first use, in a few seconds."
    )
    if st.button("Prepare now", type="primary"):
        prepare(catalog.STARTER)


def show_adding() -> None:
    kind = st.segmented_control(
        "From",
        ["a named pair", "a file"],
        default="a named pair",
        required=True,
        key="add_from",
    )
    named = kind == "a named pair"
    with st.form("add", border=False):
        if named:
            what = st.selectbox(
                "Named pair",
                catalog.NAMED_PAIRS,
                index=catalog.NAMED_PAIRS.index("fra-eng"),
                format_func=lambda pair: f"{catalog.LANGUAGES[pair[:3]]} and English ({pair})",
                help="Downloaded once from manythings.org and kept under S2S_HOME.",
            )
            st.text(catalog.TATOEBA)
        else:
            file = st.file_uploader(
                "File",
                ["tsv", "txt", "zip"],
                help="UTF-8 text: on each line a sentence, a tab, its translation; further "
                "columns are ignored. Or a zip with one such text.",
            )
        choices = show_choices()
        pressed = st.form_submit_button("Download and prepare" if named else "Prepare")
    if not pressed:
        return
    if named:
        prepare(what, *choices)
    elif file is None:
        st.error("Choose a file first.")
    else:
        with tempfile.TemporaryDirectory(prefix="s2s-upload-") as beside:
            path = Path(beside, safe_name(file.name))
            with path.open("wb") as copy:
                shutil.copyfileobj(file, copy)
            prepare(path, *choices)


def show_choices() -> tuple[str, CorpusChoices]:
    usual = CorpusChoices()
    directions = {
        Direction.SECOND_TO_FIRST: "second column → first (French → English)",
        Direction.FIRST_TO_SECOND: "first column → second (English → French)",
    }
    normalizers = {
        Normalizer.UNICODE: "unicode: letters and digits of every script",
        Normalizer.ARTICLE: "article: plain a to z and . ! ? only",
    }
    left, right = st.columns(2)
    name = left.text_input(
        "Name", placeholder="the file's own name", help="Letters, digits, dots, dashes, underscores"
    )
    direction = right.selectbox(
        "Direction",
        directions,
        format_func=directions.__getitem__,
        help="Files of manythings.org have English in the first column.",
    )
    normalizer = left.selectbox(
        "Normaliser",
        normalizers,
        format_func=normalizers.__getitem__,
        help="How text becomes words. The article's erases every script but the Latin one.",
    )
    max_length = right.number_input(
        "Longest sentence, words",
        1,
        1000,
        usual.max_length,
        help="Pairs with a longer side are left out.",
    )
    min_count = left.number_input(
        "Least count of a word",
        1,
        1_000_000,
        usual.min_count,
        help="Words seen less often in the training part become UNK.",
    )
    max_vocabulary = right.number_input(
        "Largest vocabulary, words a side",
        0,
        10_000_000,
        usual.max_vocabulary,
        help="The most frequent words are kept, others become UNK; 0: no limit.",
    )
    return name.strip(), CorpusChoices(
        normalizer=normalizer,
        direction=direction,
        max_length=max_length,
        min_count=min_count,
        max_vocabulary=max_vocabulary,
    )


def show_removal(name: str) -> None:
    waiting = [
        run.id
        for run in store().runs()
        if run.config.corpus == name and not run.state.is_finished()
    ]
    with st.popover("Remove this corpus"):
        if waiting:
            st.text(f"Run {waiting[-1]} still needs it; stop that run first.")
            return
        st.text("Runs trained on it keep their records and can still translate.")
        if st.button("Remove it now", type="primary", key="remove"):
            with suppress(UserError):  # removed in another tab
                catalog.remove(folder, name)
            st.session_state["corpora_news"] = f"{name} was removed."
            st.rerun()


st.title("Corpora")
st.write("What there is to train on: lists of sentence pairs, prepared once and kept on disk.")
corpora = catalog.list_corpora(folder)
names = [info.name for info in corpora]
with st.container():  # one place however much is in it, else the expander below would close
    if news := st.session_state.pop("corpora_news", ""):
        st.success(inert(news))
    for error in catalog.damaged_corpora(folder):
        st.warning(inert(error))
    if corpora:
        show_list(corpora)
    if catalog.STARTER not in names:
        show_starter()

with st.expander("Add a corpus", icon=":material/add:"):
    show_adding()

if corpora:
    st.header("Look inside", divider="gray")
    name = st.selectbox("Corpus", names, key="corpus", bind="query-params")
    view = st.segmented_control(
        "Show", list(VIEWS), default="Counts", required=True, key="corpus_view"
    )
    try:
        VIEWS[view](catalog.open_corpus(folder, name))
    except UserError as error:  # removed in another tab, say
        st.error(inert(error))
    show_removal(name)
