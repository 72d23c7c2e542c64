"""A fence round one example: where it may write, how long and how large it may get, how it ends."""

import faulthandler
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
"""Of one example; the slowest take a few."""
_RESIDENT_BYTES = 2**30
_ADDRESS_BYTES = 4 * 2**30
LONGEST_SENTENCE = 400

_allowed: list[Path] = []
_strayed: list[tuple[str, str]] = []
_ONE_PATH = (
    "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod", "os.chown", "os.mkfifo",
    "os.mknod", "sqlite3.connect",
)  # fmt: skip
_TWO_PATHS = ("os.rename", "os.link", "os.symlink")
_DIRECTORY_ARGUMENT = {"os.mkdir": 2, "os.remove": 1, "os.rmdir": 1, "os.chmod": 2, "os.chown": 3}


class TookTooLong(BaseException):
    """An example was stopped by the clock."""


@contextmanager
def fenced(folder: Path, asked: Iterable[str] = ()) -> Iterator[Path]:
    """An empty folder `here` for one example, with S2S_HOME in it; afterwards it is gone.

    Fails where anything is written outside of it, and after SECONDS or a GiB more of memory. Draws
    of hypothesis belong before it: it writes files of its own over them.
    `asked`: paths that the user named himself; writing there does not happen either, and is right.
    """
    here = folder / "example"
    shutil.rmtree(here, ignore_errors=True)
    here.mkdir(parents=True)
    beside = _listing(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("S2S_HOME", str(here / "home"))
        with _kept_inside(here, asked), _within_time(), _within_memory():
            yield here
        assert _listing(folder) - {"example"} == beside - {"example"}
    shutil.rmtree(here, ignore_errors=True)


def check_sentence(sentence: str, beginning: str = "") -> None:
    """One printable sentence of bounded length."""
    assert sentence.startswith(beginning), sentence[:LONGEST_SENTENCE]
    assert sentence.endswith("."), sentence[-LONGEST_SENTENCE:]
    assert len(sentence) <= LONGEST_SENTENCE, sentence[:LONGEST_SENTENCE]
    assert sentence.isprintable(), ascii(sentence)


@contextmanager
def may_refuse() -> Iterator[None]:
    """Passes on, or ends in one good sentence."""
    try:
        yield
    except UserError as error:
        check_sentence(str(error))


def _listing(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@contextmanager
def _kept_inside(here: Path, asked: Iterable[str]) -> Iterator[None]:
    _allowed[:] = [here.resolve()]
    named = {str(Path(each)) for each in asked}
    _strayed.clear()
    try:
        yield
    finally:
        _allowed.clear()
    strayed = [(event, path) for event, path in _strayed if path not in named]
    assert not strayed, strayed


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    """Of every thread of the process; a write outside the fence is noted and does not happen."""
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
    at = _DIRECTORY_ARGUMENT.get(event)
    folder = arguments[at] if at is not None and len(arguments) > at else -1
    for path in paths:
        if isinstance(path, str | bytes | os.PathLike) and not _is_inside(path, folder):
            _strayed.append((event, os.fsdecode(path)))
            raise PermissionError(13, "outside the fence", os.fsdecode(path))


def _writes(mode: str | None, flags: int) -> bool:
    return bool(set(mode or "") & set("wxa+")) or bool(
        flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    )


def _is_inside(path: str | bytes | os.PathLike[str], folder: int) -> bool:
    told = Path(os.fsdecode(path))
    if folder is not None and folder >= 0 and not told.is_absolute():
        told = Path(f"/proc/self/fd/{folder}").readlink() / told
    of_python_or_torch = {"__pycache__", f"torchinductor_{getpass.getuser()}"} & set(told.parts)
    of_this_process = told == Path("/proc/self/clear_refs")  # its highest memory so far, set back
    if told.parts[:2] == ("/", "dev") or of_this_process or of_python_or_torch:
        return True
    real = Path(os.path.realpath(told.parent)) / told.name  # what a link names is opened too
    return any(real.is_relative_to(each) for each in _allowed)


sys.addaudithook(_audit)


@contextmanager
def _within_time() -> Iterator[None]:
    def ring(_number: int, _frame: FrameType | None) -> None:
        raise TookTooLong(f"an example took longer than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    # Where not even Python's signal handlers come to their turn.
    faulthandler.dump_traceback_later(3 * SECONDS, exit=True, file=sys.__stderr__)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _within_memory() -> Iterator[None]:
    """What is asked for far beyond is refused, and so a MemoryError, instead of hurting others."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(
        resource.RLIMIT_AS, (psutil.Process().memory_info().vms + _ADDRESS_BYTES, hard)
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    assert grown < _RESIDENT_BYTES, f"{grown / 2**20:,.0f} MiB of memory"
