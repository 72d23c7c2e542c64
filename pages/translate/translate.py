"""The Translate page: sentences through the selected models, beside each other."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from pages.shared.escaping import escape
from pages.shared.state import get_store
from s2s.analysis.run.steps import LossScale, last_loss
from s2s.data import catalog
from s2s.data import stats as describe
from s2s.errors import UserError
from s2s.formatting import format_loss, run_label
from s2s.paths import corpora_folder, run_folder
from s2s.records import Run, Translation
from s2s.runs.files import has_checkpoint

MAX_SENTENCES, MAX_CHARACTERS = 50, 1000
TYPED, SAMPLED = "typed", "from the test split"
Pairs = list[tuple[str, str]]
"""Sentences with their references; a reference can be empty."""


@dataclass(frozen=True)
class Answer:
    """What one run made of all sentences."""

    run: str
    batch_size: int
    iteration: int
    direction: str
    translations: list[Translation]


def label(run: Run) -> str:
    """Return a model's name in the selection: run, corpus, batch size, iterations and loss."""
    parts = [run_label(run)]
    if run.config.corpus not in run.name:
        parts.append(run.config.corpus)
    if str(run.config.batch_size) not in run.name:
        parts.append(f"batch {run.config.batch_size}")
    if run.summary:
        loss = run.summary.loss_per_token
    else:
        loss = last_loss(get_store().steps(run.id, run.iterations_done - 50), LossScale.TOKEN)
    return " · ".join([*parts, f"{run.iterations_done:,} iterations", f"loss {format_loss(loss)}"])


def existing_corpora(runs: list[Run]) -> list[str]:
    """Return the corpora of the runs, without those that have been removed."""
    existing = {info.name for info in catalog.list_corpora(corpora_folder())}
    return list(dict.fromkeys(run.config.corpus for run in runs if run.config.corpus in existing))


def type_sentences(runs: list[Run]) -> Pairs:
    """Show the text area, initially with a sentence of the runs' corpus, and read it.

    Raises:
        UserError: The text is too long.
    """
    if "typed" not in st.session_state:
        corpora = existing_corpora(runs)
        st.session_state["typed"] = (
            describe.pick_example_sentence(catalog.open_corpus(corpora_folder(), corpora[0]))
            if corpora
            else ""
        )
    text = st.text_area(
        "Sentences (one per line)",
        key="typed",
        height=120,
        persist_state="session",
        help=f"At most {MAX_SENTENCES} lines of {MAX_CHARACTERS:,} characters.",
    )
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MAX_SENTENCES:
        raise UserError(f"{len(lines)} sentences are too many. Enter at most {MAX_SENTENCES}.")
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_CHARACTERS:
            raise UserError(
                f"Sentence {number} has {len(line):,} characters. Shorten it to at most "
                f"{MAX_CHARACTERS:,}."
            )
    return [(line, "") for line in lines]


def sample_sentences(runs: list[Run]) -> Pairs:
    """Show the controls of a random sample from the test split, and draw it.

    Raises:
        UserError: None of the runs' corpora has a test split here.
    """
    names = existing_corpora(runs)
    if not names:
        raise UserError("The corpora of these runs have been removed. Type sentences instead.")
    controls = st.columns([2, 1, 1])
    name = controls[0].selectbox("Corpus", names, key="sampled_corpus")
    count = controls[1].number_input("Sentences", 1, MAX_SENTENCES, 5, key="sampled_count")
    seed = controls[2].number_input("Seed", 0, 2**31 - 1, 0, key="sampled_seed")
    corpus = catalog.open_corpus(corpora_folder(), name)
    if not corpus.test:
        raise UserError(f"Corpus {name} is too small for a test split. Type sentences instead.")
    return [corpus.pair(pair) for pair in describe.draw_pairs(corpus.test, count, seed)]


def translate(runs: list[Run], pairs: Pairs) -> list[Answer]:
    """Translate the sentences with every run that can; show an error for each other run."""
    bar = st.progress(0.0, "Loading torch…")
    from s2s.translation.translator import Translator  # loads torch, which takes seconds

    answers = []
    for index, run in enumerate(runs):
        bar.progress(index / len(runs), f"Translating with run {run.id}…")
        try:
            translator = Translator.load(run_folder(run.id))
            translations = translator.translate([sentence for sentence, _ in pairs])
        except UserError as error:
            st.error(f"Run {run.id}: {escape(error)}")
            continue
        languages = translator.metadata
        direction = f"{languages.source_language} → {languages.target_language}"
        answers.append(
            Answer(
                run_label(run), run.config.batch_size, translator.iteration, direction, translations
            )
        )
    bar.empty()
    return answers


def show_translations(index: int, pair: tuple[str, str], answers: list[Answer]) -> None:
    """Show one sentence: its reference, then each run's translation."""
    sentence, reference = pair
    rows: list[dict[str, Any]] = []
    if reference:
        rows.append({"run": "reference", "translation": reference})
    for answer in answers:
        translation = answer.translations[index]
        rows.append(
            {
                "run": answer.run,
                "translation": translation.text + ("" if translation.finished else " … (cut)"),
                "batch size": answer.batch_size,
                "unknown words": list(translation.unknown_words),
                "iteration": answer.iteration,
                "direction": answer.direction,
                "ms": translation.seconds * 1000,
            }
        )
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
            show_words([(answer.run, answer.translations[index]) for answer in answers])


def show_words(translations: list[tuple[str, Translation]]) -> None:
    """Show a row per run and a column per word; the higher its probability, the darker."""
    longest = max(len(translation.words) for _, translation in translations)

    def build_frame(format_word: Callable[[Any], str]) -> pd.DataFrame:
        return pd.DataFrame(
            [
                [*map(format_word, translation.words), *[""] * (longest - len(translation.words))]
                for _, translation in translations
            ],
            index=[run for run, _ in translations],
            columns=[str(position) for position in range(1, longest + 1)],
        )

    words = build_frame(lambda word: f"{word.text} {word.probability:.0%}")
    shades = build_frame(
        lambda word: f"background-color: rgba(46, 160, 120, {0.5 * word.probability:.2f})"
    )
    st.dataframe(words.style.apply(lambda _: shades, axis=None))


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
    "Models",
    list(runs),
    default=list(runs)[:1],
    format_func=lambda run_id: label(runs[run_id]),
    key="models",
)
selected = [runs[run_id] for run_id in selected_ids]
for run in selected:
    if not run.state.is_finished():
        st.caption(f"Run {run.id} is still training. Its latest checkpoint translates.")
source = st.segmented_control(
    "Sentences", [TYPED, SAMPLED], default=TYPED, required=True, key="sentence_source"
)
try:
    pairs = type_sentences(selected) if source == TYPED else sample_sentences(selected)
except UserError as error:
    st.error(escape(error))
    st.stop()
can_translate = bool(selected and pairs)
if st.button("Translate", key="translate", type="primary", disabled=not can_translate):
    st.session_state["translated"] = (pairs, translate(selected, pairs))

shown_pairs, answers = st.session_state.get("translated", ([], []))
if answers:
    for index, pair in enumerate(shown_pairs):
        show_translations(index, pair, answers)
    st.caption(
        "Greedy decoding on the CPU, one sentence at a time; ms is the time per sentence. The text "
        "is as the models learned it: normalized and in lower case."
    )
