"""The Corpora page: preparing, adding, looking inside, removing; and text that stays text."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import state as shared
from s2s.config import Direction, Normalizer, TrainConfig, UserError
from s2s.data import catalog
from s2s.data import stats as describe
from s2s.paths import corpora_folder

OpenPage = Callable[[str], AppTest]
AddCorpus = Callable[..., str]


def names(app: AppTest) -> list[str]:
    tables = (table.value for table in app.dataframe)
    return next((list(table["name"]) for table in tables if "normaliser" in table), [])


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click()
    return app.run()


def look(app: AppTest, view: str) -> AppTest:
    return app.button_group(key="corpus_view").set_value(view).run()


def upload(app: AppTest, name: str, content: bytes) -> AppTest:
    app.button_group(key="add_from").set_value("a file").run()
    app.file_uploader[0].upload(name, content, "text/plain")
    return app


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_the_starter_corpus_is_offered_and_prepared(open_page: OpenPage) -> None:
    app = open_page("corpora")
    assert names(app) == []
    press(app, "Prepare now")
    assert not app.exception
    assert names(app) == ["starter"]
    assert "starter is ready" in app.success[0].value
    assert not [button for button in app.button if button.label == "Prepare now"]
    assert not app.run().success


def test_the_list_tells_what_a_corpus_is(open_page: OpenPage, add_corpus: AddCorpus) -> None:
    add_corpus("first", direction=Direction.FIRST_TO_SECOND)
    app = open_page("corpora")
    table = next(each.value for each in app.dataframe if "normaliser" in each.value)
    row = table.iloc[0]
    assert row["direction"] == "column 1 → column 2"
    assert row["pairs"] == 200
    assert row["training / validation / test"] == "160 / 20 / 20"
    assert row["words"] == "203 / 203"
    assert row["vocabulary"] == "167 / 167"
    assert row["normaliser"] == "unicode"
    assert row["on disk"] > 0


def test_a_file_is_added_with_the_choices_made(open_page: OpenPage, lines: list[str]) -> None:
    app = upload(open_page("corpora"), "mine.tsv", "\n".join(lines).encode())
    app.text_input[0].set_value("chosen-name")
    next(box for box in app.selectbox if box.label == "Direction").set_value(
        Direction.FIRST_TO_SECOND
    )
    next(box for box in app.selectbox if box.label == "Normaliser").set_value(Normalizer.ARTICLE)
    limits = {
        "Longest sentence, words": 7,
        "Least count of a word": 2,
        "Largest vocabulary, words a side": 3,
    }
    for label, value in limits.items():
        next(box for box in app.number_input if box.label == label).set_value(value)
    press(app, "Prepare")
    assert not app.exception
    assert not app.error
    choices = catalog.open_corpus(corpora_folder(), "chosen-name").info.choices
    assert choices.to_json() == {
        "normalizer": "article",
        "direction": "first-to-second",
        "max_length": 7,
        "min_count": 2,
        "max_vocabulary": 3,
    }
    assert app.selectbox(key="corpus").value == "chosen-name"


@pytest.mark.parametrize(
    ("uploaded", "name"),
    [
        ("mine.tsv", "mine"),
        ("../../etc/we ird$(x)|`y`.tsv", "we-ird-x-y"),
        ("C:\\temp\\a.b.txt", "C-temp-a-b"),
        ("日本.txt", "upload"),
        (f"{'x' * 200}.txt", "x" * 64),
    ],
)
def test_an_upload_keeps_only_harmless_parts_of_its_name(
    open_page: OpenPage, lines: list[str], uploaded: str, name: str
) -> None:
    app = upload(open_page("corpora"), uploaded, "\n".join(lines).encode())
    press(app, "Prepare")
    assert not app.exception
    assert names(app) == [name]
    assert [path.name for path in corpora_folder().iterdir()] == [name]


def test_a_file_that_is_no_corpus_gets_one_sentence(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    app = upload(open_page("corpora"), "mine.tsv", b"no tab in here\n")
    press(app, "Prepare")
    assert len(app.error) == 1
    assert "two tab\\-separated columns" in app.error[0].value
    assert not app.status[0].error, "hidden in the folded status"
    assert names(app) == []
    assert not list(tmp_path.glob("s2s-upload-*"))


def test_no_file_chosen(open_page: OpenPage) -> None:
    app = open_page("corpora")
    app.button_group(key="add_from").set_value("a file").run()
    press(app, "Prepare")
    assert [each.value for each in app.error] == ["Choose a file first."]


def test_a_named_pair_is_downloaded_with_its_source_shown_before(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    asked = []

    def download(name: str, folder: Path, progress: catalog.Progress) -> Path:
        asked.append(name)
        progress("Downloading $x$", 0.5)
        folder.mkdir(parents=True)
        file = folder / f"{name}.txt"
        file.write_text("\n".join(lines), encoding="utf-8")
        return file

    monkeypatch.setattr(catalog, "download", download)
    app = open_page("corpora")
    assert catalog.TATOEBA in [each.value for each in app.text]
    next(box for box in app.selectbox if box.label == "Named pair").set_value("deu-eng")
    press(app, "Download and prepare")
    assert not app.exception
    assert asked == ["deu-eng"]
    assert names(app) == ["deu-eng"]
    assert catalog.open_corpus(corpora_folder(), "deu-eng").info.source_language == "German"


def test_a_download_that_fails_gets_one_inert_sentence(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(*_: object) -> Path:
        raise UserError("The server said ![x](http://evil.example/y) to us.")

    monkeypatch.setattr(catalog, "download", download)
    app = press(open_page("corpora"), "Download and prepare")
    assert [each.value for each in app.error] == [
        r"The server said \!\[x\]\(http\::gray[]//evil\.example/y\) to us\."
    ]
    assert names(app) == []


def test_counts_name_the_bad_lines(open_page: OpenPage, lines: list[str], tmp_path: Path) -> None:
    file = tmp_path / "bad.tsv"
    file.write_text("\n".join([*lines, "bad", "a b c\td e f"]), encoding="utf-8")
    catalog.add(corpora_folder(), file, "bad", catalog.CorpusChoices(max_length=4))
    app = open_page("corpora")
    assert metrics(app) == {
        "Pairs read": "201",
        "Pairs kept": "201",
        "Left out by length": "0",
        "Bad lines": "1",
    }
    shown = [each.value for each in app.text]
    assert "Lines without two columns of UTF-8 text: 201" in shown
    assert "The file names no source." in shown


def test_each_view_opens(open_page: OpenPage, add_corpus: AddCorpus) -> None:
    add_corpus()
    app = open_page("corpora")
    for view in ("Counts", "Lengths", "Words", "Pairs", "A batch"):
        assert not look(app, view).exception, view


def test_lengths_and_words(open_page: OpenPage, add_corpus: AddCorpus) -> None:
    add_corpus()
    app = look(open_page("corpora"), "Lengths")
    table = app.dataframe[-1].value
    assert table.iloc[0].tolist() == ["column 2", 4, 4, 4, 4]
    look(app, "Words")
    source, target = (each.value for each in app.dataframe[-2:])
    assert set(source["word"][:3]) == {".", "je", "vois"}
    assert set(target["word"][:3]) == {".", "i", "see"}
    assert source.iloc[0, 1:].tolist() == [200, 0.25, True]
    assert source["seen"].tolist()[3:] == [1] * 97


def test_a_word_is_found_with_its_pairs(open_page: OpenPage, add_corpus: AddCorpus) -> None:
    add_corpus()
    app = look(open_page("corpora"), "Words")
    app.text_input(key="find_word").set_value("bêteba").run()
    found, pairs = (each.value for each in app.dataframe[1:3])
    assert found["word"].tolist()[0] == "bêteba"
    assert pairs.iloc[0].tolist() == ["je vois bêteba.", "i see animalba."]
    assert "column 1: no word contains it." in [each.value for each in app.text]


def test_pairs_are_drawn_by_seed(open_page: OpenPage, add_corpus: AddCorpus) -> None:
    corpus = catalog.open_corpus(corpora_folder(), add_corpus())
    app = look(open_page("corpora"), "Pairs")
    app.selectbox(key="pairs_part").set_value("test").run()
    app.number_input(key="pairs_count").set_value(3).run()
    app.number_input(key="pairs_seed").set_value(5).run()
    shown = app.dataframe[-1].value
    assert shown.index.tolist() == describe.draw_pairs(corpus.test, 3, 5)
    assert shown.iloc[0].tolist() == list(corpus.pair(shown.index[0]))


def test_a_batch_of_any_size_shows_its_shape_and_padding(
    open_page: OpenPage, lines: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "uneven.tsv"
    longer = [f"one two three four{n}\tun deux{n}" for n in range(200)]
    file.write_text("\n".join(lines + longer), encoding="utf-8")
    catalog.add(corpora_folder(), file, "uneven")
    corpus = catalog.open_corpus(corpora_folder(), "uneven")
    app = look(open_page("corpora"), "A batch")
    app.number_input(key="batch_size").set_value(150).run()
    app.number_input(key="batch_seed").set_value(4).run()
    drawn = describe.draw_batch(corpus, 150, 4)
    assert metrics(app) == {
        "Source shape": "150 × 5",
        "Target shape": "150 × 5",
        "Padded cells": f"{drawn.padding_ratio:.1%}",
        "Padded cells, joint": f"{drawn.joint_padded_share:.1%}",
    }
    source, target = (each.value for each in app.dataframe[-2:])
    assert len(source) == len(target) == 100
    assert source["pair"].tolist() == drawn.pairs[:100].tolist()
    assert source.iloc[:, 1:].to_numpy().tolist() == describe.words_of(
        corpus.source, drawn.source[:100]
    )
    assert (source == "PAD").to_numpy().any()
    app.button_group(key="batch_as").set_value("ids").run()
    ids = app.dataframe[-2].value.iloc[:, 1:].to_numpy()
    assert (ids == drawn.source[:100]).all()


def test_removing_takes_a_second_press(open_page: OpenPage, add_corpus: AddCorpus) -> None:
    add_corpus("gone")
    add_corpus("stays")
    app = open_page("corpora")
    app.selectbox(key="corpus").set_value("gone").run()
    assert names(app) == ["gone", "stays"]
    app.button(key="remove").click().run()
    assert not app.exception
    assert names(app) == ["stays"]
    assert app.success[0].value == r"gone was removed\."
    assert app.selectbox(key="corpus").value == "stays"


def test_removing_the_last_corpus_leaves_a_page(open_page: OpenPage, add_corpus: AddCorpus) -> None:
    add_corpus()
    app = open_page("corpora")
    app.button(key="remove").click().run()
    assert not app.exception
    assert names(app) == []


def test_a_corpus_that_a_run_waits_for_stays(open_page: OpenPage, add_corpus: AddCorpus) -> None:
    run_id = shared.store().create_run(TrainConfig(corpus=add_corpus()))
    app = open_page("corpora")
    assert "remove" not in [button.key for button in app.button]
    assert f"Run {run_id} still needs it; stop that run first." in [each.value for each in app.text]


def test_a_corpus_removed_elsewhere_is_gone_at_the_next_look(
    open_page: OpenPage, add_corpus: AddCorpus
) -> None:
    add_corpus("gone")
    add_corpus("stays")
    app = open_page("corpora")
    app.selectbox(key="corpus").set_value("gone").run()
    shutil.rmtree(corpora_folder() / "gone")
    app.run()
    assert not app.exception
    assert app.selectbox(key="corpus").value == "stays"
