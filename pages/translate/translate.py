"""Translate: sentences through every chosen model, beside each other and the reference."""

from typing import Any

import pandas as pd
import streamlit as st

from pages.shared.escaping import escape
from pages.shared.state import get_store
from s2s import formatting as words
from s2s.analysis.run.steps import LossScale, last_loss
from s2s.data import catalog
from s2s.data import stats as describe
from s2s.errors import UserError
from s2s.paths import corpora_folder, run_folder
from s2s.records import Run, Translation
from s2s.runs.files import has_checkpoint

MOST_SENTENCES, MOST_CHARACTERS = 50, 1000


def label(run: Run) -> str:
    """Its name, with the corpus and the batch size where the name does not tell, and its loss."""
    told = [words.run_label(run)]
    if run.config.corpus not in run.name:
        told.append(run.config.corpus)
    if str(run.config.batch_size) not in run.name:
        told.append(f"batch {run.config.batch_size}")
    if run.summary:
        loss = run.summary.loss_per_token
    else:
        loss = last_loss(get_store().steps(run.id, run.iterations_done - 50), LossScale.TOKEN)
    return " · ".join(
        [*told, f"{run.iterations_done:,} iterations", f"loss {words.format_loss(loss)}"]
    )


def typed_sentences(chosen: list[Run]) -> list[tuple[str, str]]:
    """Sentence and empty reference of each line; the box begins with a sentence of the corpus."""
    if "typed" not in st.session_state:
        st.session_state["typed"] = example(chosen)
    text = st.text_area(
        "Sentences, one a line",
        key="typed",
        height=120,
        persist_state="session",
        help=f"At most {MOST_SENTENCES} lines of {MOST_CHARACTERS:,} characters.",
    )
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_SENTENCES:
        raise UserError(f"{len(lines)} lines are too many; give at most {MOST_SENTENCES}.")
    for number, line in enumerate(lines, 1):
        if len(line) > MOST_CHARACTERS:
            raise UserError(
                f"Sentence {number} has {len(line):,} characters; shorten it to at most "
                f"{MOST_CHARACTERS:,}."
            )
    return [(line, "") for line in lines]


def example(chosen: list[Run]) -> str:
    for name in corpora_here(chosen)[:1]:
        return describe.example_sentence(catalog.open_corpus(corpora_folder(), name))
    return ""


def corpora_here(chosen: list[Run]) -> list[str]:
    here = {info.name for info in catalog.list_corpora(corpora_folder())}
    return list(dict.fromkeys(run.config.corpus for run in chosen if run.config.corpus in here))


def drawn_sentences(chosen: list[Run]) -> list[tuple[str, str]]:
    """Sentence and reference of pairs from the test part of one of the runs' corpora."""
    names = corpora_here(chosen)
    if not names:
        raise UserError("The corpora of these runs are not here any more; type sentences instead.")
    controls = st.columns([2, 1, 1])
    name = controls[0].selectbox("Test part of", names, key="drawn_corpus")
    count = controls[1].number_input("Sentences", 1, MOST_SENTENCES, 5, key="drawn_count")
    seed = controls[2].number_input("Seed", 0, 2**31 - 1, 0, key="drawn_seed")
    corpus = catalog.open_corpus(corpora_folder(), name)
    if not corpus.test:
        raise UserError(f"{name} is too small to have a test part; type sentences instead.")
    return [corpus.pair(pair) for pair in describe.draw_pairs(corpus.test, count, seed)]


def translate(chosen: list[Run], pairs: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """For each run how it is called, its checkpoint's iteration and direction, and its outputs."""
    bar = st.progress(0.0, "Loading torch …")
    from s2s.translation.translator import Translator  # takes seconds: only once it is needed

    answers = []
    for done, run in enumerate(chosen):
        bar.progress(done / len(chosen), f"Run {run.id} translates …")
        try:
            translator = Translator.load(run_folder(run.id))
            outputs = translator.translate([sentence for sentence, _ in pairs])
        except UserError as error:
            st.error(f"Run {run.id}: {escape(error)}")
            continue
        languages = translator.metadata
        answers.append(
            {
                "run": words.run_label(run),
                "batch size": run.config.batch_size,
                "iteration": translator.iteration,
                "direction": f"{languages.source_language} → {languages.target_language}",
                "outputs": outputs,
            }
        )
    bar.empty()
    return answers


def show(number: int, pair: tuple[str, str], answers: list[dict[str, Any]]) -> None:
    """One sentence: the reference, then what each run makes of it."""
    sentence, reference = pair
    rows: list[dict[str, Any]] = []
    if reference:
        rows.append({"run": "reference", "translation": reference})
    for answer in answers:
        output: Translation = answer["outputs"][number]
        rows.append(
            {
                "run": answer["run"],
                "translation": output.text + ("" if output.finished else " … (cut)"),
                "batch size": answer["batch size"],
                "unknown words": list(output.unknown_words),
                "iteration": answer["iteration"],
                "direction": answer["direction"],
                "ms": output.seconds * 1000,
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
                    help="Not in the model's vocabulary: it reads UNK in their place."
                ),
                "ms": st.column_config.NumberColumn(format="%.0f"),
            },
        )
        with st.expander("Word by word, with the model's own probability"):
            show_words([(answer["run"], answer["outputs"][number]) for answer in answers])


def show_words(outputs: list[tuple[str, Translation]]) -> None:
    """A row a run, a column a position; the surer the model is of a word, the stronger its cell."""
    longest = max(len(output.words) for _, output in outputs)
    index = [run for run, _ in outputs]
    positions = [str(position) for position in range(1, longest + 1)]
    cells, shades = (
        pd.DataFrame(
            [
                [*map(each, output.words), *[""] * (longest - len(output.words))]
                for _, output in outputs
            ],
            index=index,
            columns=positions,
        )
        for each in (
            lambda word: f"{word.text} {word.probability:.0%}",
            lambda word: f"background-color: rgba(46, 160, 120, {0.5 * word.probability:.2f})",
        )
    )
    st.dataframe(cells.style.apply(lambda _: shades, axis=None))


st.title("Translate")
runs = {run.id: run for run in get_store().runs() if has_checkpoint(run.id)}
if not runs:
    st.info(
        "There is no trained model yet. A first one takes a minute or two; it can be tried here "
        "from its first evaluation on, while it still trains."
    )
    if st.button("Train a first model", type="primary"):
        st.switch_page("pages/train/train.py")
    st.stop()

chosen_ids = st.multiselect(
    "Models",
    list(runs),
    default=list(runs)[:1],
    format_func=lambda run_id: label(runs[run_id]),
    key="models",
)
chosen = [runs[run_id] for run_id in chosen_ids]
for run in chosen:
    if not run.state.is_finished():
        st.caption(f"Run {run.id} is still training: its last checkpoint translates.")
way = st.segmented_control(
    "Sentences", ["typed", "drawn from the test part"], default="typed", required=True, key="way"
)
try:
    pairs = typed_sentences(chosen) if way == "typed" else drawn_sentences(chosen)
except UserError as error:
    st.error(escape(error))
    st.stop()
if st.button("Translate", type="primary", disabled=not (chosen and pairs)):
    st.session_state["translated"] = (pairs, translate(chosen, pairs))

shown_pairs, answers = st.session_state.get("translated", ([], []))
if answers:
    for number, pair in enumerate(shown_pairs):
        show(number, pair, answers)
    st.caption(
        "Greedy decoding on the processor, one sentence at a time; ms is the time of one sentence. "
        "The models' text is as they learnt it: normalised, lower case."
    )
