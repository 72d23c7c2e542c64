"""Corpora that several processes add, open, train on and remove at once."""

import threading
from multiprocessing.connection import wait
from pathlib import Path

import pytest

from s2s.data import catalog
from s2s.errors import UserError
from s2s.paths import corpora_folder
from s2s.records import RunState
from s2s.runs.execute import execute
from s2s.store import Store
from tests.concurrency.processes import run_together, start_together
from tests.data.site import make_zip, serve
from tests.tiny import tiny_config, write_tiny

ADD = """
try:
    send("added", catalog.add(corpora_folder(), {path!r}, "shared").content_sha256)
except UserError as error:
    send("rejected")
"""


def list_names() -> list[str]:
    return sorted(path.name for path in corpora_folder().iterdir())


def test_a_name_added_by_several_processes_means_one_corpus(tmp_path: Path) -> None:
    files = [write_tiny(tmp_path / "x.txt"), write_tiny(tmp_path / "y.txt")]
    for number, file in enumerate(files):  # long enough for both to overlap
        more = [f"{number} one more {line}\tun de plus {line}\n" for line in range(5000)]
        file.write_text(file.read_text() + "".join(more))
    codes = [ADD.format(path=str(file)) for file in (*files, files[0])]
    messages = run_together(codes)
    added = {message for message in messages if message.startswith("added")}
    assert len(added) == 1
    assert messages[0] == messages[2] != messages[1]
    assert catalog.open_corpus(corpora_folder(), "shared").info.content_sha256 in added.pop()
    assert list_names() == ["shared"]


OPEN = """
for _ in range(30):
    try:
        corpus = catalog.open_corpus(corpora_folder(), "shared")
        names = [info.name for info in catalog.list_corpora(corpora_folder())]
        assert corpus.get_pair(0) and corpus.get_pair(59)
    except UserError as error:
        assert "shared" in str(error), error
"""
ADD_AND_REMOVE = """
for _ in range(5):
    catalog.add(corpora_folder(), {path!r}, "shared")
    catalog.remove(corpora_folder(), "shared")
"""


def test_a_corpus_removed_and_added_while_it_is_opened(tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "x.txt")
    assert not any(run_together([OPEN, OPEN, ADD_AND_REMOVE.format(path=str(file))]))
    assert list_names() == []


@pytest.mark.usefixtures("tiny")
def test_a_corpus_removed_while_a_run_trains_on_it(store: Store) -> None:
    run_id = store.create_run(tiny_config(iterations=20, evaluate_every=10))

    def remove(_: object) -> None:
        if "tiny" in list_names():
            catalog.remove(corpora_folder(), "tiny")

    assert execute(store, run_id, threading.Event(), remove) is RunState.FINISHED
    assert len(store.steps(run_id)) == 20
    with pytest.raises(UserError, match="'tiny' not found"):
        catalog.open_corpus(corpora_folder(), "tiny")


def test_a_named_pair_downloaded_by_two_processes() -> None:
    code = """
try:
    send("added", catalog.add(corpora_folder(), "fra-eng").pairs_kept)
except UserError as error:
    send("rejected", error)
"""
    with serve() as site:
        site.content = make_zip("".join(f"go {n}\tva {n}\n" for n in range(60)))
        site.declares_length, site.gate = False, threading.Event()
        with start_together([code, code]) as processes:
            # The later one is rejected while the other one waits for the server.
            [ready] = wait([process.pipe for process in processes], 60)
            later, earlier = sorted(processes, key=lambda process: process.pipe is not ready)
            assert later.receive().startswith("rejected fra-eng is already being downloaded")
            site.gate.set()
            assert earlier.finish() == "added 60"
        assert len(site.requests) == 1
