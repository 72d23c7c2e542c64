"""The Translate page: choosing models, giving sentences, reading translations."""

import shutil
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import state as shared
from s2s.config import Direction, TrainConfig
from s2s.data import catalog
from s2s.data import stats as describe
from s2s.paths import corpora_folder, run_folder
from s2s.records import Run
from s2s.runs.files import delete_checkpoint
from s2s.translation.translator import Translator

OpenPage = Callable[[str], AppTest]
Train = Callable[..., Run]
AddCorpus = Callable[..., str]


@pytest.fixture
def run(add_corpus: AddCorpus, train: Train) -> Run:
    return train(add_corpus(), batch_size=4)


def translate(app: AppTest, text: str | None = None) -> AppTest:
    if text is not None:
        app.text_area(key="typed").set_value(text).run()
    next(button for button in app.button if button.label == "Translate").click()
    return app.run()


def draw(app: AppTest, count: int, seed: int) -> AppTest:
    app.button_group(key="way").set_value("drawn from the test part").run()
    app.number_input(key="drawn_count").set_value(count).run()
    return app.number_input(key="drawn_seed").set_value(seed).run()


def test_without_a_model_the_way_to_one_is_shown(open_page: OpenPage) -> None:
    app = open_page("translate")
    assert not app.exception
    assert "There is no trained model yet" in app.info[0].value
    app.button[0].click().run()
    assert not app.exception
    assert [title.value for title in app.title] == ["Train"]


def test_a_run_without_a_checkpoint_is_not_offered(open_page: OpenPage, run: Run) -> None:
    delete_checkpoint(run.id)
    assert not open_page("translate").multiselect


def test_the_newest_model_and_a_sentence_of_its_corpus_are_ready(
    open_page: OpenPage, run: Run, train: Train
) -> None:
    newest = train("small", batch_size=8)
    app = open_page("translate")
    assert app.multiselect(key="models").value == [newest.id]
    assert app.multiselect(key="models").options == [
        f"{each.id} · small · batch {each.config.batch_size} · 2 iterations"
        f" · loss {each.summary.loss_per_token:.2f}"
        for each in (newest, run)
        if each.summary
    ]
    corpus = catalog.open_corpus(corpora_folder(), "small")
    assert app.text_area(key="typed").value == describe.example_sentence(corpus)


def test_a_typed_sentence_is_translated(open_page: OpenPage, run: Run) -> None:
    app = translate(open_page("translate"), "je vois zèbre .")
    assert not app.exception
    expected = Translator.load(run_folder(run.id)).translate(["je vois zèbre ."])[0]
    row = app.dataframe[0].value.iloc[0]
    assert len(app.dataframe[0].value) == 1
    assert row["run"] == f"{run.id} · small · batch 4"
    assert row["batch size"] == 4
    assert row["translation"].startswith(expected.text)
    assert row["translation"].endswith("(cut)") is not expected.finished
    assert list(row["unknown words"]) == ["zèbre"]
    assert row["iteration"] == 2
    assert row["direction"] == "column 2 → column 1"
    assert row["ms"] > 0
    words = app.dataframe[1].value
    assert words.iloc[0].tolist() == [
        f"{word.text} {word.probability:.0%}" for word in expected.words
    ]


def test_several_models_of_both_directions_stand_below_the_reference(
    open_page: OpenPage, run: Run, add_corpus: AddCorpus, train: Train
) -> None:
    other = train(add_corpus("turned", direction=Direction.FIRST_TO_SECOND), batch_size=2)
    app = open_page("translate")
    app.multiselect(key="models").select(run.id).run()
    draw(app, 3, 7)
    app.selectbox(key="drawn_corpus").set_value("small").run()
    translate(app)
    assert not app.exception
    corpus = catalog.open_corpus(corpora_folder(), "small")
    pairs = [corpus.pair(pair) for pair in describe.draw_pairs(corpus.test, 3, 7)]
    assert [each.value for each in app.text if each.value.startswith("je")] == [
        source for source, _ in pairs
    ]
    tables = [each.value for each in app.dataframe if "translation" in each.value]
    assert [table["translation"][0] for table in tables] == [target for _, target in pairs]
    for table in tables:
        assert table["run"].tolist() == [
            "reference",
            f"{other.id} · turned · batch 2",
            f"{run.id} · small · batch 4",
        ]
        assert table["direction"].tolist()[1:] == ["column 1 → column 2", "column 2 → column 1"]


def test_each_sentence_has_its_own_answer_and_empty_lines_have_none(
    open_page: OpenPage, run: Run
) -> None:
    sentences = ["je vois zèbre .", "yak"]
    app = translate(open_page("translate"), f"\n{sentences[0]}\n\n   {sentences[1]}  \n")
    assert [each.value for each in app.text if each.value in sentences] == sentences
    expected = Translator.load(run_folder(run.id)).translate(sentences)
    assert expected[0].words != expected[1].words
    answers = [each.value for each in app.dataframe]
    for translation, table, words in zip(expected, answers[::2], answers[1::2], strict=True):
        assert list(table["unknown words"][0]) == list(translation.unknown_words)
        assert words.iloc[0].tolist() == [
            f"{word.text} {word.probability:.0%}" for word in translation.words
        ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("je\n" * 51, r"51 lines are too many; give at most 50\."),
        (
            f"je\n{'x' * 1001}",
            r"Sentence 2 has 1,001 characters; shorten it to at most 1,000\.",
        ),
    ],
)
def test_too_much_text_gets_one_sentence(
    open_page: OpenPage, run: Run, text: str, sentence: str
) -> None:
    assert run.id
    app = open_page("translate")
    app.text_area(key="typed").set_value(text).run()
    assert [each.value for each in app.error] == [sentence]
    assert not app.button


@pytest.mark.parametrize("text", ["je\n" * 50, "x" * 1000])
def test_as_much_text_as_allowed_is_translated(open_page: OpenPage, run: Run, text: str) -> None:
    assert run.id
    app = translate(open_page("translate"), text)
    assert not app.exception
    assert not app.error
    tables = [each for each in app.dataframe if "translation" in each.value]
    assert len(tables) == len(text.splitlines())


def test_without_a_sentence_or_a_model_there_is_nothing_to_press(
    open_page: OpenPage, run: Run
) -> None:
    app = open_page("translate")
    assert not app.button[0].disabled
    app.multiselect(key="models").unselect(run.id).run()
    assert app.button[0].disabled
    app.multiselect(key="models").select(run.id).run()
    app.text_area(key="typed").set_value(" \n ").run()
    assert app.button[0].disabled


def test_a_sentence_without_words_gets_one_sentence(open_page: OpenPage, run: Run) -> None:
    app = translate(open_page("translate"), "\u200b")
    assert not app.exception
    assert len(app.error) == 1
    assert app.error[0].value.startswith(f"Run {run.id}: No word is left")


def test_text_stays_text(open_page: OpenPage, run: Run) -> None:
    hostile = "**je** $x^2$ <b>vois</b> ![a](http://evil.example/a) :smile:"
    shared.store().rename_run(run.id, hostile)
    app = translate(open_page("translate"), hostile)
    assert not app.exception
    assert hostile in [each.value for each in app.text]
    read_as_markdown = [*app.markdown, *app.caption, *app.info, *app.error, *app.warning]
    assert not [each.value for each in read_as_markdown if hostile in each.value]


def test_a_run_that_still_trains_translates_from_its_last_checkpoint(
    open_page: OpenPage, run: Run
) -> None:
    store = shared.store()
    running = store.create_run(TrainConfig(corpus="small", batch_size=4))
    shutil.copytree(run_folder(run.id), run_folder(running))
    store.start_run(running, "cpu", {})
    app = open_page("translate")
    assert app.multiselect(key="models").value == [running]
    assert f"Run {running} is still training: its last checkpoint translates." in [
        each.value for each in app.caption
    ]
    translate(app)
    assert not app.exception
    assert app.dataframe[0].value["iteration"].tolist() == [2]


def test_a_damaged_checkpoint_leaves_the_other_models(
    open_page: OpenPage, run: Run, train: Train
) -> None:
    broken = train("small")
    (run_folder(broken.id) / "checkpoint.safetensors").write_bytes(b"not a checkpoint")
    app = open_page("translate")
    app.multiselect(key="models").select(run.id).run()
    translate(app, "je vois .")
    assert not app.exception
    assert app.error[0].value.startswith(f"Run {broken.id}: The checkpoint")
    assert len(app.dataframe[0].value) == 1


def test_a_removed_corpus_leaves_typing(open_page: OpenPage, run: Run) -> None:
    catalog.remove(corpora_folder(), "small")
    app = open_page("translate")
    assert app.text_area(key="typed").value == ""
    assert not translate(app, "je vois .").exception
    assert app.dataframe[0].value["run"].tolist() == [f"{run.id} · small · batch 4"]
    app.button_group(key="way").set_value("drawn from the test part").run()
    assert "The corpora of these runs are not here any more" in app.error[0].value


def test_what_was_translated_stays_while_other_things_are_chosen(
    open_page: OpenPage, run: Run
) -> None:
    app = translate(open_page("translate"), "je vois .")
    shown = app.dataframe[0].value["translation"].tolist()
    app.multiselect(key="models").unselect(run.id).run()
    assert app.dataframe[0].value["translation"].tolist() == shown
