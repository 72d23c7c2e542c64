"""Corpora added, opened, trained on and removed by several processes at the same instant."""

import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import wait
from pathlib import Path

import pytest

from s2s.data import catalog
from s2s.data.corpus import Corpus
from s2s.errors import UserError
from s2s.paths import corpora_folder
from s2s.records import RunState
from s2s.runs.execute import execute
from s2s.store import Store
from tests.concurrency.others import others, together
from tests.tiny import tiny_config, write_tiny

ADD = """
try:
    say("added", catalog.add(corpora_folder(), {path!r}, "shared").content_sha256)
except UserError as error:
    say("refused", error)
"""


def remains() -> list[str]:
    return sorted(path.name for path in corpora_folder().iterdir())


def test_one_file_added_by_several_at_once(tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "x.txt")
    said = together([ADD.format(path=str(file))] * 3)
    assert len(set(said)) == 1
    assert said[0].startswith("added")
    assert len(catalog.open_corpus(corpora_folder(), "shared").training) > 0
    assert remains() == ["shared"]


def test_one_name_from_two_files_at_once(tmp_path: Path) -> None:
    files = [write_tiny(tmp_path / "x.txt"), write_tiny(tmp_path / "y.txt")]
    for number, file in enumerate(files):  # long enough for both to be at it
        more = [f"{number} one more {line}\tun de plus {line}\n" for line in range(5000)]
        file.write_text(file.read_text() + "".join(more))
    first, second = sorted(together([ADD.format(path=str(file)) for file in files], delay=0.0))
    assert first.startswith("added")
    assert second.startswith("refused There is a corpus 'shared' already, made from another file;")
    assert catalog.open_corpus(corpora_folder(), "shared").info.content_sha256 in first
    assert remains() == ["shared"]


OPEN = """
for _ in range(150):
    try:
        corpus = catalog.open_corpus(corpora_folder(), "shared")
        names = [info.name for info in catalog.list_corpora(corpora_folder())]
        assert corpus.pair(0) and corpus.pair(59)
    except UserError as error:
        assert "shared" in str(error), error
say("opened")
"""
COME_AND_GO = """
for _ in range(20):
    catalog.add(corpora_folder(), {path!r}, "shared")
    catalog.remove(corpora_folder(), "shared")
say("removed")
"""


def test_removed_and_added_while_it_is_opened(tmp_path: Path) -> None:
    """All of it or one sentence, at each moment."""
    file = write_tiny(tmp_path / "x.txt")
    assert together([OPEN, OPEN, COME_AND_GO.format(path=str(file))]) == [
        "opened",
        "opened",
        "removed",
    ]
    assert remains() == []


@pytest.mark.usefixtures("tiny")
def test_removed_while_a_run_trains_on_it(store: Store) -> None:
    run_id = store.create_run(tiny_config(iterations=60, evaluate_every=20))
    removed: list[str] = []

    def watch(_: object) -> None:
        if not removed:
            removed.append("tiny")
            assert together(['catalog.remove(corpora_folder(), "tiny"); say("gone")']) == ["gone"]

    assert execute(store, run_id, threading.Event(), watch) is RunState.FINISHED
    assert store.steps(run_id)["iteration"].tolist() == list(range(1, 61))
    with pytest.raises(UserError, match="There is no corpus 'tiny'"):
        catalog.open_corpus(corpora_folder(), "tiny")


def test_removed_between_opening_and_reading_its_words(tiny: Corpus) -> None:
    """Read already, or one sentence."""
    catalog.remove(corpora_folder(), "tiny")
    assert len(tiny.source.tokens) > 60  # what is mapped stays until it is let go
    try:
        assert tiny.pair(0)[0]
    except UserError as error:
        assert "was removed while it was opened" in str(error)  # noqa: PT017


# Downloads


@pytest.fixture
def go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A server that sends half of a named pair, and the rest after this; asked once in all."""
    write_tiny(tmp_path / "fra.txt")
    with zipfile.ZipFile(tmp_path / "fra-eng.zip", "w") as archive:
        archive.write(tmp_path / "fra.txt", "fra.txt")
    content = (tmp_path / "fra-eng.zip").read_bytes()
    asked: list[str] = []
    both = threading.Event()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:100])
            both.wait(20)
            self.wfile.write(content[100:])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("S2S_CORPORA_URL", f"http://127.0.0.1:{server.server_port}")

    yield both
    assert len(asked) == 1
    server.shutdown()
    server.server_close()


def test_a_named_pair_downloaded_twice_at_once(go_on: threading.Event) -> None:
    code = """
try:
    say("added", catalog.add(corpora_folder(), "fra-eng").pairs_kept)
except UserError as error:
    say("refused", error)
"""
    with others([code, code]) as both:
        # The one that came too late says so while the other waits for the server.
        [late] = wait([each.line for each in both], 60)
        said = [each.hear() for each in both if each.line is late]
        go_on.set()
        said += [line for each in both if (line := each.end())]
    added, refused = sorted(said)
    assert added == "added 60"
    assert refused.startswith("refused fra-eng is already being downloaded")
