"""Any arguments and any standard input of the command line: an exit code and a good message."""

import argparse
import contextlib
import io
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from s2s.cli.main import build_parser, main
from tests.fuzz.sandbox import check_message, sandbox
from tests.fuzz.strategies import fuzz, hostile_text

_NUMBERS = ("0", "-1", "1", "2", "3", "1e5", "nan", "inf", "-inf", "1_0", "٣", " 2", "9" * 30)
_TEXTS = ("x", "starter", "fra-eng", "last", "1", "cpu", "cuda:7", "auto", "x,y", "2,3", "2,,3")
value = st.one_of(st.sampled_from(_NUMBERS), st.sampled_from(_TEXTS), hostile_text)
_EXCLUDED = {"-h", "--help", "--seconds", "--openmp"}
"""Options that take long, or change this process."""
_ACTIONS = build_parser()._actions
[COMMANDS] = [each.choices for each in _ACTIONS if isinstance(each, argparse._SubParsersAction)]
OPTIONS = {
    command: sorted(set(parser._option_string_actions) - _EXCLUDED)
    for command, parser in COMMANDS.items()
}
# Keeps accepted commands short; the options to try come after these and win.
_SHORT = {
    "train": ("--corpus=x", "--iterations=1", "--hidden-size=4", "--threads=1", "--device=cpu"),
    "sweep": (
        "--corpus=x", "--iterations=1", "--hidden-size=4", "--threads=1", "--device=cpu",
        "--batch-sizes=2", "--repeats=1", "--learning-rate=0.1",
    ),
    "bench": ("--corpus=x", "--batch-sizes=2", "--rounds=1", "--seconds=0.01", "--engines=fused"),
    "replay": ("--corpus=nowhere",),
    "noise": ("--sentences=64",),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _isolated(signals_as_before: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the examples from using the network and from changing this process."""
    del signals_as_before
    monkeypatch.setenv("S2S_CORPORA_URL", "http://127.0.0.1:9")


def run_command(arguments: list[str], standard_input: bytes = b"") -> tuple[int, str]:
    """Return the exit code and the errors, with streams as in `s2s.__main__`."""

    def stream(content: io.BytesIO) -> io.TextIOWrapper:
        return io.TextIOWrapper(content, "utf-8", "backslashreplace", write_through=True)

    errors = io.BytesIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(stream(io.BytesIO())),
        contextlib.redirect_stderr(stream(errors)),
    ):
        patch.setattr(sys, "stdin", stream(io.BytesIO(standard_input)))
        try:
            code = main(arguments)
        except SystemExit as end:  # by argparse
            code = int(end.code or 0)
        return code, errors.getvalue().decode()


def check(
    folder: Path, home_with_runs: Path, arguments: list[str], named: list[str], given: bytes = b""
) -> None:
    with sandbox(folder, named) as here:
        shutil.copytree(home_with_runs, here / "home")
        code, errors = run_command(arguments, given)
    assert code in (0, 1, 2, 130), code
    assert "Traceback" not in errors
    messages = [line for line in errors.splitlines() if line.startswith("s2s: ")]
    assert len(messages) <= 1, errors
    if code == 1:
        check_message(messages[0])


@fuzz(30)
@given(data=st.data(), command=st.sampled_from([name for name in OPTIONS if OPTIONS[name]]))
def test_options(tmp_path: Path, home_with_runs: Path, data: st.DataObject, command: str) -> None:
    names = data.draw(
        st.lists(st.sampled_from(OPTIONS[command]), min_size=1, max_size=2, unique=True)
    )
    options = [f"{name}={data.draw(value)}" for name in names]
    more = data.draw(st.sampled_from(([], ["--json"], ["--nonsense"], ["x"])))
    named = [option.partition("=")[2] for option in options]
    check(tmp_path, home_with_runs, [command, *_SHORT.get(command, ()), *options, *more], named)


@fuzz(15)
@given(arguments=st.lists(st.one_of(st.sampled_from(sorted(OPTIONS)), value), max_size=4))
@example(arguments=["corpora", "remove", "../x"])
@example(arguments=["export", "--output", "\udcff"])
@example(arguments=["export", "--output", "a\0b"])
@example(arguments=["translate", "--run", "9" * 18])
@example(arguments=["translate", "--json", "\udcff \u2028"])
@example(arguments=["train", "--continue", "9" * 40])
def test_any_arguments(tmp_path: Path, home_with_runs: Path, arguments: list[str]) -> None:
    is_slow = arguments[:1] in (["train"], ["sweep"], ["replay"], ["bench"])
    short = _SHORT[arguments[0]] if is_slow and arguments[1:2] != ["--"] else ()
    check(tmp_path, home_with_runs, [*arguments, *short], arguments)


@fuzz(10)
@given(given=st.binary(max_size=40) | hostile_text.map(lambda text: text.encode(errors="replace")))
@example(given=b"tu vois \xff\xfe un\n\n\xf0\x9f\n")
def test_standard_input(tmp_path: Path, home_with_runs: Path, given: bytes) -> None:
    check(tmp_path, home_with_runs, ["translate", "--run=1"], [], given)
