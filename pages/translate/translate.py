"""The Translate page: the same sentences translated by several models."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from pages.shared.escaping import escape
from pages.shared.state import get_store
from pages.shared.widgets import split_sentences
from s2s.data import catalog, stats
from s2s.errors import UserError
from s2s.formatting import format_iterations, format_loss, format_run_label
from s2s.paths import corpora_folder, run_folder
from s2s.records import Run, Translation
from s2s.runs.files import has_checkpoint

MAX_SENTENCES, MAX_CHARACTERS = 50, 1000
TYPED, SAMPLED = "typed", "from the test split"
Pairs = list[tuple[str, str]]
"""Sentences with their references; a reference can be empty."""
Result = tuple[dict[str, Any], Translation]
"""A row of the table, and the translation that it shows."""


def format_model_label(run: Run) -> str:
    """Return a model's name in the selection."""
    config = run.config
    parts = [
        format_run_label(run),
        "" if config.corpus in run.name else config.corpus,
        "" if str(config.batch_size) in run.name else f"batch {config.batch_size}",
        format_iterations(run.iterations_done),
        f"loss {format_loss(run.summary.loss_per_token)}" if run.summary else "",
    ]
    return " · ".join(filter(None, parts))


def list_existing_corpora(runs: list[Run]) -> list[str]:
    """Return the names of the runs' corpora that have not been removed."""
    existing = {info.name for info in catalog.list_corpora(corpora_folder())}
    return list(dict.fromkeys(run.config.corpus for run in runs if run.config.corpus in existing))


def read_typed_sentences(runs: list[Run]) -> Pairs:
    """Show a text area and return its lines; raise UserError if the text is too long."""
    if "typed" not in st.session_state:
        st.session_state["typed"] = ""
        if names := list_existing_corpora(runs):
            corpus = catalog.open_corpus(corpora_folder(), names[0])
            st.session_state["typed"] = stats.pick_example_sentence(corpus)
    text = st.text_area(
        "Sentences (one per line)", key="typed", height=120, persist_state="session",
        help=f"At most {MAX_SENTENCES} lines of {MAX_CHARACTERS:,} characters.",
    )  # fmt: skip
    lines = split_sentences(text)
    if len(lines) > MAX_SENTENCES or any(len(line) > MAX_CHARACTERS for line in lines):
        raise UserError(
            f"The text is too long. Enter at most {MAX_SENTENCES} sentences of "
            f"{MAX_CHARACTERS:,} characters each."
        )
    return [(line, "") for line in lines]


def draw_sentences(runs: list[Run]) -> Pairs:
    """Show the settings of a random sample from a test split, and draw it if possible.

    Raises:
        UserError: The runs' corpora have been removed, or the selected one has no test split.
    """
    names = list_existing_corpora(runs)
    if not names:
        raise UserError("The corpora of these runs have been removed. Type sentences instead.")
    controls = st.columns([2, 1, 1])
    name = controls[0].selectbox("Corpus", names, key="sampled_corpus")
    count = controls[1].number_input("Sentences", 1, MAX_SENTENCES, 5, key="sampled_count")
    seed = controls[2].number_input("Seed", 0, 2**31 - 1, 0, key="sampled_seed")
    corpus = catalog.open_corpus(corpora_folder(), name)
    if not corpus.test:
        raise UserError(f"Corpus {name} is too small for a test split. Type sentences instead.")
    return [corpus.get_pair(pair) for pair in stats.draw_pairs(corpus.test, count, seed)]


def translate(runs: list[Run], sentences: list[str]) -> list[list[Result]]:
    """Translate the sentences with each run, and show an error for each run that fails."""
    bar = st.progress(0.0, "Loading torch…")
    from s2s.translation.translator import Translator  # loads torch, which takes seconds

    results = []
    for index, run in enumerate(runs):
        bar.progress(index / len(runs), f"Translating with run {run.id}…")
        try:
            translator = Translator.load(run_folder(run.id))
            translations = translator.translate(sentences)
        except UserError as error:
            st.error(f"Run {run.id}: {escape(error)}")
            continue
        languages = translator.metadata
        rows = [
            {
                "run": format_run_label(run),
                "translation": each.text + ("" if each.finished else " … (cut)"),
                "unknown words": list(each.unknown_words),
                "batch size": run.config.batch_size,
                "iteration": translator.iteration,
                "direction": f"{languages.source_language} → {languages.target_language}",
                "ms": each.seconds * 1000,
            }
            for each in translations
        ]
        results.append(list(zip(rows, translations, strict=True)))
    bar.empty()
    return results


def show_translations(sentence: str, reference: str, results: Sequence[Result]) -> None:
    """Show a sentence, its reference and each model's translation."""
    rows = [row for row, _ in results]
    if reference:
        rows.insert(0, {"run": "reference", "translation": reference})
    with st.container(border=True):
        st.text(sentence)
        st.dataframe(
            rows,
            placeholder="",
            column_config={
                "run": st.column_config.TextColumn(width=150),
                "translation": st.column_config.TextColumn(width=320),
                "unknown words": st.column_config.ListColumn(
                    help="Not in the model's vocabulary; the model reads UNK instead."
                ),
                "ms": st.column_config.NumberColumn(format="%.0f"),
            },
        )
        with st.expander("Word by word, with the model's probabilities"):
            show_words({row["run"]: translation for row, translation in results})


def show_words(translations: dict[str, Translation]) -> None:
    """Show one row per run and one column per word. More probable words are darker."""
    words = pd.DataFrame(
        [list(each.words) for each in translations.values()], index=list(translations)
    )
    words.columns = [str(position) for position in range(1, len(words.columns) + 1)]
    texts = words.map(lambda word: f"{word.text} {word.probability:.0%}", "ignore").fillna("")
    colors = words.map(
        lambda word: f"background-color: rgba(46, 160, 120, {word.probability / 2:.2f})", "ignore"
    ).fillna("")
    st.dataframe(texts.style.apply(lambda _: colors, axis=None))


st.title("Translate")
runs = {run.id: run for run in get_store().runs() if has_checkpoint(run.id)}
if not runs:
    st.info(
        "There is no trained model yet. Train one first, which takes a minute or two. You can "
        "translate from its first evaluation on, while it is still training."
    )
    if st.button("Train a first model", key="train_first_model", type="primary"):
        st.switch_page("pages/train/train.py")
    st.stop()

selected_ids = st.multiselect(
    "Models", list(runs), default=list(runs)[:1], key="models",
    format_func=lambda run_id: format_model_label(runs[run_id]),
)  # fmt: skip
selected = [runs[run_id] for run_id in selected_ids]
for run in selected:
    if not run.state.has_ended():
        st.caption(f"Run {run.id} is still training. Its latest checkpoint is used.")
source = st.segmented_control(
    "Sentences", [TYPED, SAMPLED], default=TYPED, required=True, key="sentence_source"
)
try:
    pairs = read_typed_sentences(selected) if source == TYPED else draw_sentences(selected)
except UserError as error:
    st.error(escape(error))
    st.stop()
is_disabled = not selected or not pairs
if st.button("Translate", key="translate", type="primary", disabled=is_disabled):
    results_by_run = translate(selected, [sentence for sentence, _ in pairs])
    results_by_pair = zip(*results_by_run, strict=True)  # empty if no run could translate
    st.session_state["translated"] = list(zip(pairs, results_by_pair, strict=False))

if translated := st.session_state.get("translated"):
    for (sentence, reference), results in translated:
        show_translations(sentence, reference, results)
    st.caption(
        "Greedy decoding on the CPU, one sentence at a time; ms is the time per sentence. Models "
        "output normalized, lower-case text, as in training."
    )
