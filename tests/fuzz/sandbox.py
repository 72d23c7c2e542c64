"""A sandbox for one example: it limits where the example writes, its time and its memory."""

import getpass
import os
import resource
import shutil
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import psutil
import pytest

from s2s.errors import UserError

SECONDS = 60
"""Time limit per example; the slowest examples take a few seconds."""
_MAX_BYTES = 4 * 2**30
"""Limit of the address space per example."""
MAX_MESSAGE_LENGTH = 400

_allowed: list[Path] = []
_violations: list[tuple[str, str]] = []
_PATH_COUNTS = dict.fromkeys(
    ("os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod", "os.chown", "sqlite3.connect"),
    1,
) | dict.fromkeys(("os.rename", "os.link", "os.symlink"), 2)
"""Audit events of writes, with the number of paths that they begin with."""
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_CACHES = {"__pycache__", f"torchinductor_{getpass.getuser()}"}


class TimeLimitExceeded(BaseException):
    """An example took too long."""


@contextmanager
def sandbox(folder: Path, named_paths: Iterable[str] = ()) -> Iterator[Path]:
    """Run one example in an empty working directory, with S2S_HOME in it; fail on any violation.

    Draw from hypothesis before entering: it writes files of its own.

    Args:
        folder: Folder in which the working directory is created, and deleted afterwards.
        named_paths: Paths named by the user. A write to them is prevented without failing.
    """
    here = folder / "example"
    shutil.rmtree(here, ignore_errors=True)
    here.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("S2S_HOME", str(here / "home"))
        patch.chdir(here)  # a relative path stays inside the sandbox
        with _limit_writes(here, named_paths), _limit_time(), _limit_memory():
            yield here
    shutil.rmtree(here, ignore_errors=True)


def check_message(message: str, beginning: str = "") -> None:
    """Check that a message is one printable line of bounded length."""
    assert message.startswith(beginning), message[:MAX_MESSAGE_LENGTH]
    assert message.endswith("."), message[-MAX_MESSAGE_LENGTH:]
    assert len(message) <= MAX_MESSAGE_LENGTH, message[:MAX_MESSAGE_LENGTH]
    assert message.isprintable(), ascii(message)


@contextmanager
def may_reject(beginning: str = "") -> Iterator[None]:
    """Allow a UserError with a good message."""
    try:
        yield
    except UserError as error:
        check_message(str(error), beginning)


@contextmanager
def _limit_writes(here: Path, named_paths: Iterable[str]) -> Iterator[None]:
    _allowed[:] = [here.resolve()]
    named = {str(Path(path)) for path in named_paths}
    _violations.clear()
    try:
        yield
    finally:
        _allowed.clear()
    violations = [(event, path) for event, path in _violations if path not in named]
    assert not violations, violations


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    """Note and prevent every write outside the sandbox, by any thread."""
    if not _allowed:
        return
    count = _PATH_COUNTS.get(event, 0)
    if event == "open":
        _, mode, flags = arguments
        count = int(bool(set(mode or "") & set("wxa+") or flags & _WRITE_FLAGS))
    for path in arguments[:count]:
        if isinstance(path, str | bytes | os.PathLike) and not _is_allowed(Path(os.fsdecode(path))):
            _violations.append((event, os.fsdecode(path)))
            raise PermissionError(13, "outside the sandbox", os.fsdecode(path))


def _is_allowed(path: Path) -> bool:
    is_peak_reset = path == Path("/proc/self/clear_refs")
    if path.parts[:2] == ("/", "dev") or is_peak_reset or _CACHES & set(path.parts):
        return True
    return any((path.parent.resolve() / path.name).is_relative_to(each) for each in _allowed)


sys.addaudithook(_audit)


@contextmanager
def _limit_time() -> Iterator[None]:
    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise TimeLimitExceeded(f"an example took longer than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _limit_memory() -> Iterator[None]:
    """Turn huge allocations into a MemoryError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = psutil.Process().memory_info().vms + _MAX_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
