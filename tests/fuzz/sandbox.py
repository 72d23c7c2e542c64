"""A sandbox for one example: limits of where it may write, of time and of memory."""

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
"""Per example; the slowest ones take a few."""
_MAX_BYTES = 4 * 2**30
"""Limit of the address space per example."""
MAX_MESSAGE_LENGTH = 400

_allowed: list[Path] = []
_violations: list[tuple[str, str]] = []
_ONE_PATH = (
    "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod", "os.chown", "os.mkfifo",
    "os.mknod", "sqlite3.connect",
)  # fmt: skip
_TWO_PATHS = ("os.rename", "os.link", "os.symlink")
_DIRECTORY_ARGUMENT = {"os.mkdir": 2, "os.remove": 1, "os.rmdir": 1, "os.chmod": 2, "os.chown": 3}


class TimeLimitExceeded(BaseException):
    """An example took too long."""


@contextmanager
def sandbox(folder: Path, named_paths: Iterable[str] = ()) -> Iterator[Path]:
    """Run one example in an empty folder, with S2S_HOME in it; fail on any violation.

    Draw from hypothesis before entering: it writes files of its own.

    Args:
        folder: Where the example's folder is created, and deleted afterwards.
        named_paths: Paths that the user named: writing there is prevented, and no violation.
    """
    here = folder / "example"
    shutil.rmtree(here, ignore_errors=True)
    here.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("S2S_HOME", str(here / "home"))
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
    if event == "open":
        paths = arguments[:1] if _writes(*arguments[1:]) else ()
    elif event in _ONE_PATH:
        paths = arguments[:1]
    elif event in _TWO_PATHS:
        paths = arguments[:2]
    else:
        return
    index = _DIRECTORY_ARGUMENT.get(event)
    folder = arguments[index] if index is not None and len(arguments) > index else -1
    for path in paths:
        if isinstance(path, str | bytes | os.PathLike) and not _is_inside(path, folder):
            _violations.append((event, os.fsdecode(path)))
            raise PermissionError(13, "outside the sandbox", os.fsdecode(path))


def _writes(mode: str | None, flags: int) -> bool:
    return bool(set(mode or "") & set("wxa+")) or bool(
        flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    )


def _is_inside(path: str | bytes | os.PathLike[str], folder: int) -> bool:
    written = Path(os.fsdecode(path))
    if folder is not None and folder >= 0 and not written.is_absolute():
        written = Path(f"/proc/self/fd/{folder}").readlink() / written
    caches = {"__pycache__", f"torchinductor_{getpass.getuser()}"}
    is_peak_reset = written == Path("/proc/self/clear_refs")
    if written.parts[:2] == ("/", "dev") or is_peak_reset or caches & set(written.parts):
        return True
    real = Path(os.path.realpath(written.parent)) / written.name
    return any(real.is_relative_to(each) for each in _allowed)


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
