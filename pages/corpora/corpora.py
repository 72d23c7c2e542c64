"""The Corpora page: list, add, inspect and remove corpora."""

import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from pages.shared.chart import draw_chart
from pages.shared.escaping import escape
from pages.shared.state import get_store
from s2s import formatting
from s2s.charts import frame
from s2s.config import CorpusChoices, Direction, Normalizer
from s2s.data import catalog, stats
from s2s.data.corpus import Corpus, Side
from s2s.data.reader import make_safe_name
from s2s.errors import UserError
from s2s.paths import corpora_folder, folder_bytes
from s2s.records import PAD, CorpusInfo

MAX_ROWS = 100
SIDE_COLORS = ("#0F7DC2", "#D67A1A")
LOCALIZED = st.column_config.NumberColumn(format="localized")
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
            "Training / validation / test": join_numbers(
                " / ", (info.training_pairs, info.validation_pairs, info.test_pairs)
            ),
            "Words": join_numbers(" / ", (info.source_words, info.target_words)),
            "Vocabulary": join_numbers(" / ", (info.source_vocabulary, info.target_vocabulary)),
            "Normalizer": str(info.choices.normalizer),
            "On disk": folder_bytes(folder / info.name),
        }
        for info in corpora
    ]
    columns = {
        "Pairs": LOCALIZED,
        "Words": st.column_config.TextColumn(help="Distinct words, source / target."),
        "Vocabulary": st.column_config.TextColumn(
            help="Words in the model's vocabulary, source / target; special tokens included."
        ),
        "On disk": st.column_config.NumberColumn(format="bytes"),
    }
    st.dataframe(rows, column_config=columns)


def join_numbers(separator: str, numbers: Iterable[int]) -> str:
    return separator.join(f"{number:,}" for number in numbers)


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
            help="Words that occur less often in the training split become UNK.",
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


def _sides(corpus: Corpus) -> tuple[tuple[str, Side], tuple[str, Side]]:
    info = corpus.info
    return (info.source_language, corpus.source), (info.target_language, corpus.target)


def show_counts(corpus: Corpus) -> None:
    info, choices = corpus.info, corpus.info.choices
    too_long = info.pairs_read - info.pairs_kept
    columns = st.columns(4)
    columns[0].metric("Pairs read", f"{info.pairs_read:,}")
    columns[1].metric("Pairs kept", f"{info.pairs_kept:,}")
    columns[2].metric("Excluded by length", f"{too_long:,}")
    columns[3].metric("Bad lines", f"{info.bad_lines:,}")
    if info.bad_lines:
        numbers = join_numbers(", ", info.bad_line_numbers)
        more = ", …" if info.bad_lines > len(info.bad_line_numbers) else ""
        st.text(f"Lines without two columns of UTF-8 text: {numbers}{more}")
    table = {
        "Side": ["source", "target"],
        "Language": [info.source_language, info.target_language],
        # Without EOS, which ends each sentence.
        "Tokens": [len(side.tokens) - info.pairs_kept for side in (corpus.source, corpus.target)],
        "Distinct words": [info.source_words, info.target_words],
        "Vocabulary": [info.source_vocabulary, info.target_vocabulary],
    }
    number_columns = ("Tokens", "Distinct words", "Vocabulary")
    st.dataframe(table, column_config=dict.fromkeys(number_columns, LOCALIZED))
    st.caption(
        "The vocabulary holds the words of the training split and the four special tokens PAD, "
        "SOS, EOS and UNK. Any other word reaches the model as UNK."
    )
    rare = f"words that occur fewer than {choices.min_count:,} times are UNK"
    limit = f"the vocabulary is limited to {choices.max_vocabulary:,} words"
    options = [
        f"{choices.normalizer} normalizer",
        f"at most {choices.max_length:,} words per side",
        rare if choices.min_count > 1 else "",
        limit if choices.max_vocabulary else "",
        f"prepared in {formatting.format_duration(info.seconds)}",
    ]
    st.text("Preparation: " + "; ".join(option for option in options if option) + ".")
    st.text(info.attribution or "The file gives no source.")


def show_lengths(corpus: Corpus) -> None:
    rows: list[dict[str, Any]] = []
    bars = []
    for (language, side), color in zip(_sides(corpus), SIDE_COLORS, strict=True):
        histogram = stats.count_lengths(side)
        percentiles = {
            f"{percent}% have at most": stats.compute_length_percentile(histogram, percent)
            for percent in (50, 90, 99)
        }
        rows.append({"Language": language, **percentiles, "Longest": len(histogram) - 1})
        bar = {"type": "bar", "y": histogram[1:].tolist(), "x0": 1}
        bars.append(bar | {"name": language, "marker": {"color": color}})
    x = frame.build_axis("Words per sentence (without EOS)")
    y = frame.build_axis("Sentences", separatethousands=True)
    title = f"Sentence lengths in {corpus.info.name}"
    text = "Number of sentences by length in both languages; the table below gives percentiles."
    draw_chart(frame.build_figure(title, bars, x, y, height=360, revision=title), text, "lengths")
    st.dataframe(rows)


def show_words(corpus: Corpus) -> None:
    st.subheader("Most frequent words")
    share_help = "Share of all tokens on this side."
    columns = {
        "word": "Word",
        "count": st.column_config.NumberColumn("Count", format="localized"),
        "share": st.column_config.NumberColumn("Share", format="percent", help=share_help),
        "in_vocabulary": "In vocabulary",
    }
    for column, (language, side) in zip(st.columns(2), _sides(corpus), strict=True):
        column.caption(escape(language))
        table = pd.DataFrame(stats.list_frequent_words(side, MAX_ROWS))
        column.dataframe(table, hide_index=True, column_config=columns)
    st.subheader("Coverage by vocabulary size")
    curves: list[dict[str, Any]] = []
    for (language, side), color in zip(_sides(corpus), SIDE_COLORS, strict=True):
        sizes, shares = zip(*stats.measure_coverage(side), strict=True)
        curve = {"type": "scatter", "x": sizes, "y": shares, "mode": "lines+markers"}
        curves.append(curve | {"name": language, "marker": {"color": color}})
    x = frame.build_axis("Words in the vocabulary", type="log", dtick=1, tickformat=",")
    y = frame.build_axis("Tokens covered", tickformat=".0%", range=[0, 1.03])
    title = f"Coverage of tokens in {corpus.info.name}"
    text = "Share of tokens covered by a vocabulary of the most frequent words."
    draw_chart(frame.build_figure(title, curves, x, y, height=360, revision=title), text, "words")
    st.caption(
        "A large vocabulary makes each step slower, since the output layer has one row per word. A "
        "small one turns more tokens into UNK."
    )


def show_pairs(corpus: Corpus) -> None:
    splits = {"training": corpus.training, "validation": corpus.validation, "test": corpus.test}
    controls = st.columns(3)
    split = controls[0].selectbox("Split", splits, key="pairs_split")
    count = controls[1].number_input("Pairs", 1, MAX_ROWS, 10, key="pairs_count")
    seed = controls[2].number_input("Seed", 0, 2**31 - 1, 0, key="pairs_seed")
    if not splits[split]:
        st.text("This split is empty: the corpus is too small, or too many pairs share sentences.")
        return
    indices = stats.draw_pairs(splits[split], count, seed)
    languages = [corpus.info.source_language, corpus.info.target_language]
    pairs = [corpus.get_pair(index) for index in indices]
    st.dataframe(pd.DataFrame(pairs, pd.Index(indices, name="Pair"), languages))
    st.caption(
        "Pairs that share a sentence on either side are in the same split, so no test sentence was "
        "seen in training."
    )


def show_batch(corpus: Corpus) -> None:
    controls = st.columns(3)
    size = controls[0].number_input("Batch size", 1, 4096, 8, key="batch_size")
    seed = controls[1].number_input("Seed", 0, 2**31 - 1, 0, key="batch_seed")
    as_ids = controls[2].segmented_control(
        "Tokens as", ["words", "ids"], default="words", required=True, key="batch_as"
    )
    batch = stats.draw_batch(corpus, size, seed)
    columns = st.columns(4)
    help_ = "Sentences × positions."
    columns[0].metric("Source shape", join_numbers(" × ", batch.source.shape), help=help_)
    columns[1].metric("Target shape", join_numbers(" × ", batch.target.shape), help=help_)
    help_ = "Each side padded to its own longest sentence."
    columns[2].metric("Padding ratio", f"{batch.padding_ratio:.1%}", help=help_)
    help_ = "Both sides padded to their joint maximum, as the article's code does."
    columns[3].metric("Padding ratio, joint", f"{batch.joint_padding_ratio:.1%}", help=help_)
    for (language, side), ids in zip(_sides(corpus), (batch.source, batch.target), strict=True):
        st.caption(escape(language))
        _batch_table(side, ids[:MAX_ROWS], batch.pairs[:MAX_ROWS], as_ids == "ids")
    if size > MAX_ROWS:
        st.caption(f"Showing the first {MAX_ROWS} of {size:,} sentences.")
    st.caption(
        "Drawn from the training split with replacement, as in training. A sentence ends with EOS. "
        "PAD fills the rest; it takes time, and the model learns nothing from it. With joint "
        f"padding, as in the article, each side would be {join_numbers(' × ', batch.joint_shape)}."
    )


def _batch_table(side: Side, ids: stats.Ints, pairs: stats.Ints, as_ids: bool) -> None:
    rows = ids if as_ids else stats.decode_rows(side, ids)
    positions = [str(position) for position in range(1, ids.shape[1] + 1)]
    table = pd.DataFrame(rows, columns=positions)
    table.insert(0, "Pair", pairs)
    is_padding = np.pad(ids == PAD, ((0, 0), (1, 0)))  # the first column holds the pairs
    colors = np.where(is_padding, f"color: {frame.GRAY}", "")
    st.dataframe(table.style.apply(lambda _: colors, axis=None), hide_index=True)


VIEWS = {
    "Counts": show_counts,
    "Lengths": show_lengths,
    "Words": show_words,
    "Pairs": show_pairs,
    "Batch": show_batch,
}

st.title("Corpora")
st.caption("Sentence pairs to train on, prepared once and kept on disk.")
corpora = catalog.list_corpora(folder)
names = [info.name for info in corpora]
with st.container():  # always one element; if that varied, the expander would close
    if message := st.session_state.pop("corpora_message", ""):
        st.success(escape(message))
    for error in catalog.list_damaged_corpora(folder):
        st.warning(escape(error))
    if corpora:
        corpus_table(corpora)
    if catalog.STARTER not in names:
        st.info(
            "The **starter** corpus is built in and needs no network: 60,000 French and English "
            "sentence pairs. It is prepared at its first use, within a few seconds."
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
