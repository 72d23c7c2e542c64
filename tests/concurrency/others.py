"""Other processes on one home: each does a piece of code when it is told to, all at once.

They are forked from one that has loaded everything, so that a dozen of them take no minute.
"""

import multiprocessing
import os
import random
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from types import ModuleType
from typing import Any
from unittest.mock import patch

_LOADED = """
from threading import Event
from s2s.cli.main import main
from s2s.config import CorpusChoices, SweepConfig, TrainConfig, UserError
from s2s.data import catalog
from s2s.paths import corpora_folder, home
from s2s.runs.execute import execute
from s2s.background.scheduler import Scheduler
from s2s.store import Store
from s2s.sweeps.runner import run_sweep
from s2s.store.sweeps import claim_sweep, delete_sweep, read_sweep, release_sweep
from s2s.sweeps.plan import create_sweep
"""
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [
        "torch._dynamo",
        "s2s.cli.main",
        "s2s.runs.execute",
        "s2s.background.scheduler",
        "s2s.sweeps.runner",
        "s2s.training.device",
    ]
)


class Other:
    """A real process that waits for `go`."""

    def __init__(self, code: str, delay: float) -> None:
        self.line, its = _context.Pipe()
        self.process = _context.Process(target=_do, args=(its, code, dict(os.environ), delay))
        # It would run the main module of whoever starts it, which AppTest makes the dashboard's.
        with patch.dict(sys.modules, {"__main__": ModuleType("__main__")}):
            self.process.start()
        its.close()

    def hear(self) -> str:
        """Its next line; empty when it has ended."""
        assert self.line.poll(90), "it says nothing"
        try:
            return str(self.line.recv())
        except EOFError:
            return ""

    def tell(self, line: str = "go") -> None:
        self.line.send(line)

    def end(self) -> str:
        """All that it still says, once it is over; it has to end well."""
        said = list(iter(self.hear, ""))
        self.process.join(30)
        assert self.process.exitcode == 0, said
        return "\n".join(said)


@contextmanager
def others(codes: Sequence[str], delay: float = 0.05) -> Iterator[list[Other]]:
    """All of them ready and then let go at once; killed in the end where they still are."""
    made = [Other(code, delay) for code in codes]
    try:
        for each in made:
            assert each.hear() == "ready"
        for each in made:
            each.tell()
        yield made
    finally:
        for each in made:
            each.process.kill()
            each.process.join()
            each.process.close()
            each.line.close()


def together(codes: Sequence[str], delay: float = 0.05) -> list[str]:
    """What each said to its end."""
    with others(codes, delay) as made:
        return [each.end() for each in made]


def _do(line: Connection, code: str, environment: dict[str, str], delay: float) -> None:
    os.environ.clear()
    os.environ.update(environment)
    known: dict[str, Any] = {
        "say": lambda *told: line.send(" ".join(map(str, told))),
        "told": line.recv,
    }
    exec(_LOADED, known)
    line.send("ready")
    line.recv()
    # No synchronisation: it only makes other orders happen.
    time.sleep(random.random() * delay)
    try:
        exec(code, known)
    except BaseException:
        line.send(traceback.format_exc())
        raise
