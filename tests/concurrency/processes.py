"""Processes that share one home and run a piece of code each, all at the same instant.

They start quickly because they are forked from a server that has loaded everything.
"""

import multiprocessing
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from types import ModuleType
from typing import Any
from unittest.mock import patch

_IMPORTS = """
from threading import Event
from s2s.cli.main import main
from s2s.config import CorpusChoices, SweepConfig, TrainConfig
from s2s.data import catalog
from s2s.errors import UserError
from s2s.paths import corpora_folder, home
from s2s.background.scheduler import Scheduler
from s2s.store import Store
from s2s.store.sweeps import claim_sweep
from s2s.sweeps.runner import run_sweep
from s2s.records import StepMemory
from s2s.runs import memory
# A process per batch size would take long.
memory.measure_step_memory = lambda config, _: StepMemory(config.engine, config.batch_size, 1, 1)
"""
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    ["torch._dynamo", "s2s.cli.main", "s2s.background.scheduler", "s2s.training.device"]
)


class Process:
    """A process that waits for a message, then runs code with `send(...)` and `receive()`."""

    def __init__(self, code: str) -> None:
        self.pipe, other_end = _context.Pipe()
        self.process = _context.Process(target=_run, args=(other_end, code, dict(os.environ)))
        # It would import the main module, which AppTest replaces by the dashboard's.
        with patch.dict(sys.modules, {"__main__": ModuleType("__main__")}):
            self.process.start()
        other_end.close()

    def receive(self) -> str:
        """Return the next message, or an empty string if the process has ended."""
        assert self.pipe.poll(90), "no message"
        try:
            return str(self.pipe.recv())
        except EOFError:
            return ""

    def send(self) -> None:
        """Let the process continue."""
        self.pipe.send("")

    def kill(self) -> None:
        self.process.kill()
        self.process.join()

    def finish(self) -> str:
        """Wait for a successful end and return the remaining messages."""
        messages = list(iter(self.receive, ""))
        self.process.join(30)
        assert self.process.exitcode == 0, messages
        return "\n".join(messages)


@contextmanager
def start_together(codes: Sequence[str]) -> Iterator[list[Process]]:
    """Start all processes at the same instant; kill those that still run in the end."""
    processes = [Process(code) for code in codes]
    try:
        for process in processes:
            assert process.receive() == "ready"
        for process in processes:
            process.send()
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.process.close()
            process.pipe.close()


def run_together(codes: Sequence[str]) -> list[str]:
    """Return the messages of each process."""
    with start_together(codes) as processes:
        return [process.finish() for process in processes]


def _run(pipe: Connection, code: str, environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    names: dict[str, Any] = {
        "send": lambda *values: pipe.send(" ".join(map(str, values))),
        "receive": pipe.recv,
    }
    exec(_IMPORTS, names)
    pipe.send("ready")
    pipe.recv()
    try:
        exec(code, names)
    except BaseException:
        pipe.send(traceback.format_exc())
        raise
