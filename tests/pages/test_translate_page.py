"""The Translate page: models, sentences and translations."""

import shutil
from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from pages.shared.state import get_store
from s2s.config import Direction, TrainConfig
from s2s.data import catalog, stats
from s2s.paths import corpora_folder, run_folder
from s2s.records import Run
from s2s.runs.files import delete_checkpoint
from s2s.translation.translator import Translator

OpenPage = Callable[..., AppTest]


def translate(page: AppTest, text: str | None = None) -> AppTest:
    if text is not None:
        page.text_area(key="typed").set_value(text).run()
    page = page.button(key="translate").click().run()
    assert not page.exception, page.exception
    return page


def translations(page: AppTest) -> list[list[str]]:
    tables = [each.value for each in page.dataframe if "translation" in each.value]
    return [table["translation"].tolist() for table in tables]


def test_typed_sentences_are_translated_one_by_one(open_page: OpenPage, trained_run: Run) -> None:
    page = open_page("translate")
    assert page.multiselect(key="models").value == [trained_run.id]
    corpus = catalog.open_corpus(corpora_folder(), "small")
    assert page.text_area(key="typed").value == stats.pick_example_sentence(corpus)

    sentences = ["je vois zèbre .", "yak"]
    page = translate(page, f"\n{sentences[0]}\n\n   {sentences[1]}  \n")
    assert [each.value for each in page.text] == sentences
    expected = Translator.load(run_folder(trained_run.id)).translate(sentences)
    assert expected[0].words != expected[1].words
    tables = [each.value for each in page.dataframe]
    for translation, table, words in zip(expected, tables[::2], tables[1::2], strict=True):
        [row] = table.to_dict("records")
        assert row["run"] == f"{trained_run.id} · small · batch 4"
        assert (row["batch size"], row["iteration"]) == (4, 2)
        assert row["direction"] == "column 2 → column 1"
        assert row["translation"].startswith(translation.text)
        assert row["translation"].endswith("(cut)") is not translation.finished
        assert list(row["unknown words"]) == list(translation.unknown_words)
        assert row["ms"] > 0
        assert words.iloc[0].tolist() == [
            f"{word.text} {word.probability:.0%}" for word in translation.words
        ]
    shown = translations(page)
    page = page.multiselect(key="models").set_value([]).run()
    assert translations(page) == shown
    assert page.button(key="translate").disabled


def test_sampled_sentences_with_references_and_models_of_both_directions(
    open_page: OpenPage,
    trained_run: Run,
    add_corpus: Callable[..., str],
    train: Callable[..., Run],
) -> None:
    other = train(add_corpus("turned", direction=Direction.FIRST_TO_SECOND), batch_size=2)
    page = open_page("translate")
    page.multiselect(key="models").select(trained_run.id)
    page = page.button_group(key="sentence_source").set_value("from the test split").run()
    page.number_input(key="sampled_count").set_value(3)
    page.number_input(key="sampled_seed").set_value(7)
    page.selectbox(key="sampled_corpus").set_value("small")
    page = translate(page.run())
    corpus = catalog.open_corpus(corpora_folder(), "small")
    pairs = [corpus.get_pair(pair) for pair in stats.draw_pairs(corpus.test, 3, 7)]
    assert [each.value for each in page.text] == [source for source, _ in pairs]
    assert [each[0] for each in translations(page)] == [target for _, target in pairs]
    for table in (each.value for each in page.dataframe if "translation" in each.value):
        runs = [f"{other.id} · turned · batch 2", f"{trained_run.id} · small · batch 4"]
        assert table["run"].tolist() == ["reference", *runs]
        assert table["direction"].tolist()[1:] == ["column 1 → column 2", "column 2 → column 1"]


def test_text_stays_text_and_unusable_text_is_one_error(
    open_page: OpenPage, trained_run: Run
) -> None:
    hostile = "**je** $x^2$ <b>vois</b> ![a](http://evil.example/a) :smile:"
    get_store().rename_run(trained_run.id, hostile)
    page = translate(open_page("translate"), hostile)
    assert hostile in [each.value for each in page.text]
    markdown = [*page.markdown, *page.caption, *page.info, *page.error, *page.warning]
    assert not [each.value for each in markdown if hostile in each.value]
    for text in ("je\n" * 51, f"je\n{'x' * 1001}"):
        page = open_page("translate").text_area(key="typed").set_value(text).run()
        assert len(page.error) == 1
        assert not page.button
    page = open_page("translate")
    page = page.text_area(key="typed").set_value("je\n" * 49 + "x" * 1000).run()
    assert not page.button(key="translate").disabled
    page = page.text_area(key="typed").set_value(" \n ").run()
    assert page.button(key="translate").disabled
    assert len(translate(page, "\u200b").error) == 1


def test_unfinished_damaged_and_missing_checkpoints(open_page: OpenPage, trained_run: Run) -> None:
    store = get_store()
    for _ in range(2):
        running = store.create_run(TrainConfig(corpus="small", batch_size=4))
        shutil.copytree(run_folder(trained_run.id), run_folder(running))
        store.start_run(running, "cpu", {})
    (run_folder(running) / "checkpoint.safetensors").write_bytes(b"not a checkpoint")
    page = open_page("translate")
    page = page.multiselect(key="models").set_value([running, running - 1]).run()
    assert len(page.caption) == 1 + 2  # the status bar, and that both still train
    catalog.remove(corpora_folder(), "small")  # which translating does not need
    page = translate(page, "je vois .")
    assert len(page.error) == 1
    assert page.dataframe[0].value["iteration"].tolist() == [2]
    page = page.button_group(key="sentence_source").set_value("from the test split").run()
    assert len(page.error) == 1
    assert open_page("translate").text_area(key="typed").value == ""
    for run_id in (trained_run.id, running - 1, running):
        delete_checkpoint(run_id)
    page = open_page("translate")
    assert len(page.info) == 1
    assert page.button(key="train_first_model").click().run().title[0].value == "Train"
