"""The Corpora page: preparing, adding, inspecting and removing; and text that stays text."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared.state import get_store
from s2s.config import CorpusChoices, Direction, Normalizer, TrainConfig
from s2s.data import catalog, stats
from s2s.errors import UserError
from s2s.paths import corpora_folder

OpenPage = Callable[[str], AppTest]
AddCorpus = Callable[..., str]


def names(app: AppTest) -> list[str]:
    tables = (table.value for table in app.dataframe)
    return next((list(table["Name"]) for table in tables if "Normalizer" in table), [])


def show(app: AppTest, view: str) -> AppTest:
    return app.button_group(key="corpus_view").set_value(view).run()


def upload(app: AppTest, name: str, content: bytes) -> AppTest:
    app.button_group(key="add_from").set_value("File").run()
    app.file_uploader[0].upload(name, content, "text/plain")
    return app.button(key="add_corpus").click().run()


def test_the_starter_corpus_is_prepared_once(open_page: OpenPage) -> None:
    app = open_page("corpora")
    assert names(app) == []
    app.button(key="prepare_starter").click().run()
    assert not app.exception
    assert names(app) == ["starter"]
    assert "prepare_starter" not in [button.key for button in app.button]


def test_a_file_is_added_with_its_options(open_page: OpenPage, lines: list[str]) -> None:
    app = open_page("corpora")
    app.button_group(key="add_from").set_value("File").run()
    app.text_input[0].set_value("named")
    app.selectbox(key="corpus_direction").set_value(Direction.FIRST_TO_SECOND)
    app.selectbox(key="corpus_normalizer").set_value(Normalizer.ARTICLE)
    for name, value in (("max_length", 7), ("min_count", 2), ("max_vocabulary", 3)):
        app.number_input(key=f"corpus_{name}").set_value(value)
    app.file_uploader[0].upload("mine.tsv", "\n".join(lines).encode(), "text/plain")
    app.button(key="add_corpus").click().run()
    assert not app.exception
    assert not app.error
    found = catalog.open_corpus(corpora_folder(), "named").info.choices
    assert found == CorpusChoices(
        normalizer=Normalizer.ARTICLE,
        direction=Direction.FIRST_TO_SECOND,
        max_length=7,
        min_count=2,
        max_vocabulary=3,
    )
    assert app.selectbox(key="corpus").value == "named"
    table = next(each.value for each in app.dataframe if "Normalizer" in each.value)
    assert table.iloc[0]["Direction"] == "column 1 → column 2"
    assert table.iloc[0]["Training / validation / test"] == "160 / 20 / 20"


def test_an_upload_keeps_only_harmless_parts_of_its_name(
    open_page: OpenPage, lines: list[str]
) -> None:
    app = upload(open_page("corpora"), "../../etc/we ird$(x)|`y`.tsv", "\n".join(lines).encode())
    assert not app.exception
    assert [path.name for path in corpora_folder().iterdir()] == names(app) == ["we-ird-x-y"]


def test_a_bad_file_is_one_error_and_leaves_nothing(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    app = upload(open_page("corpora"), "mine.tsv", b"no tab in here\n")
    assert len(app.error) == 1
    assert names(app) == []
    assert not list(tmp_path.glob("s2s-upload-*"))


def test_a_download_is_prepared_or_its_error_shown_as_plain_text(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    requests = []

    def download(name: str, folder: Path, progress: catalog.Progress) -> Path:
        requests.append(name)
        if name == "fra-eng":
            raise UserError("Error ![x](http://evil.example/y).")
        progress("Downloading $x$", 0.5)
        folder.mkdir(parents=True)
        file = folder / f"{name}.txt"
        file.write_text("\n".join(lines), encoding="utf-8")
        return file

    monkeypatch.setattr(catalog, "download", download)
    app = open_page("corpora")
    assert catalog.TATOEBA_ATTRIBUTION in [each.value for each in app.text]
    app.button(key="add_corpus").click().run()
    assert "](http://" not in app.error[0].value
    app.selectbox[0].set_value("deu-eng")
    app.button(key="add_corpus").click().run()
    assert not app.exception
    assert requests == ["fra-eng", "deu-eng"]
    assert names(app) == ["deu-eng"]


def test_every_view_opens(open_page: OpenPage, lines: list[str], tmp_path: Path) -> None:
    file = tmp_path / "bad.tsv"
    file.write_text("\n".join([*lines, "bad", "a b c\td e f"]), encoding="utf-8")
    catalog.add(corpora_folder(), file, "bad", CorpusChoices(max_length=4))
    corpus = catalog.open_corpus(corpora_folder(), "bad")
    app = open_page("corpora")
    assert [each.value for each in app.metric] == ["201", "201", "0", "1"]
    for view in app.button_group(key="corpus_view").options:
        assert not show(app, view).exception, view
    app = show(app, "Pairs")
    app.selectbox(key="pairs_split").set_value("test").run()
    rows = app.dataframe[-1].value
    assert rows.index.tolist() == stats.draw_pairs(corpus.test, 10, 0)
    app = show(app, "Batch")
    app.button_group(key="batch_as").set_value("ids").run()
    drawn = stats.draw_batch(corpus, 8, 0)
    assert (app.dataframe[-2].value.iloc[:, 1:].to_numpy() == drawn.source).all()


def test_a_corpus_is_removed_unless_a_run_needs_it(
    open_page: OpenPage, add_corpus: AddCorpus
) -> None:
    add_corpus("gone")
    run_id = get_store().create_run(TrainConfig(corpus=add_corpus("needed")))
    app = open_page("corpora")
    app.selectbox(key="corpus").set_value("needed").run()
    assert "remove" not in [button.key for button in app.button]
    assert any(f"Run {run_id} " in each.value for each in app.text)
    app.selectbox(key="corpus").set_value("gone").run()
    app.button(key="remove").click().run()
    assert not app.exception
    assert names(app) == ["needed"]
    assert app.selectbox(key="corpus").value == "needed"
