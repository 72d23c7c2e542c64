"""The views of one corpus on the Corpora page, one function per view."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from pages.shared.chart import draw_chart
from pages.shared.escaping import escape
from s2s import formatting as words_for
from s2s.charts import frame
from s2s.data import stats
from s2s.data.corpus import Corpus, Side
from s2s.records import PAD

MAX_ROWS = 100
SIDE_COLORS = ("#0F7DC2", "#D67A1A")
LOCALIZED = st.column_config.NumberColumn(format="localized")


def _sides(corpus: Corpus) -> tuple[tuple[str, Side], tuple[str, Side]]:
    info = corpus.info
    return (info.source_language, corpus.source), (info.target_language, corpus.target)


def show_counts(corpus: Corpus) -> None:
    info, choices = corpus.info, corpus.info.choices
    too_long = info.pairs_read - info.pairs_kept
    figures = st.columns(4)
    figures[0].metric("Pairs read", f"{info.pairs_read:,}")
    figures[1].metric("Pairs kept", f"{info.pairs_kept:,}")
    figures[2].metric("Excluded by length", f"{too_long:,}")
    figures[3].metric("Bad lines", f"{info.bad_lines:,}")
    if info.bad_lines:
        numbers = ", ".join(f"{number:,}" for number in info.bad_line_numbers)
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
    rare = f"words seen fewer than {choices.min_count:,} times are UNK"
    limit = f"the vocabulary is limited to {choices.max_vocabulary:,} words"
    options = [
        f"{choices.normalizer} normalizer",
        f"at most {choices.max_length:,} words per side",
        rare if choices.min_count > 1 else "",
        limit if choices.max_vocabulary else "",
        f"prepared in {words_for.format_duration(info.seconds)}",
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
    share_help = "Of all tokens on this side."
    columns = {
        "word": "Word",
        "count": st.column_config.NumberColumn("Count", format="localized"),
        "share": st.column_config.NumberColumn("Share", format="percent", help=share_help),
        "in_vocabulary": "In vocabulary",
    }
    for place, (language, side) in zip(st.columns(2), _sides(corpus), strict=True):
        place.caption(escape(language))
        table = pd.DataFrame(stats.list_frequent_words(side, MAX_ROWS))
        place.dataframe(table, hide_index=True, column_config=columns)
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
    drawn = stats.draw_batch(corpus, size, seed)
    figures = st.columns(4)
    figures[0].metric("Source shape", _shape(drawn.source.shape), help="sentences × positions")
    figures[1].metric("Target shape", _shape(drawn.target.shape), help="sentences × positions")
    help_ = "Each side padded to its own longest sentence."
    figures[2].metric("Padding ratio", f"{drawn.padding_ratio:.1%}", help=help_)
    help_ = "Both sides padded to their joint maximum, as the article's code does."
    figures[3].metric("Padding ratio, joint", f"{drawn.joint_padding_ratio:.1%}", help=help_)
    for (language, side), ids in zip(_sides(corpus), (drawn.source, drawn.target), strict=True):
        st.caption(escape(language))
        _batch_table(side, ids[:MAX_ROWS], drawn.pairs[:MAX_ROWS], as_ids == "ids")
    if size > MAX_ROWS:
        st.caption(f"Showing the first {MAX_ROWS} of {size:,} sentences.")
    st.caption(
        "Drawn from the training split with replacement, as in training. A sentence ends with EOS; "
        "PAD fills the rest, which costs time and teaches nothing. With joint padding, as in the "
        f"article, either side would be {_shape(drawn.joint_shape)}."
    )


def _batch_table(side: Side, ids: stats.Ints, pairs: stats.Ints, as_ids: bool) -> None:
    rows = ids if as_ids else stats.decode_rows(side, ids)
    positions = [str(position) for position in range(1, ids.shape[1] + 1)]
    table = pd.DataFrame(rows, columns=positions)
    table.insert(0, "Pair", pairs)
    is_padding = np.pad(ids == PAD, ((0, 0), (1, 0)))
    gray = f"color: {frame.GRAY}"
    st.dataframe(
        table.style.apply(lambda _: np.where(is_padding, gray, ""), axis=None), hide_index=True
    )


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(f"{size:,}" for size in shape)


VIEWS: dict[str, Callable[[Corpus], None]] = {
    "Counts": show_counts,
    "Lengths": show_lengths,
    "Words": show_words,
    "Pairs": show_pairs,
    "Batch": show_batch,
}
