"""Whatever is typed after `python -m s2s`: an exit code, and one sentence where it is not 0."""

import contextlib
import io
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from s2s.cli.main import main
from tests.fuzz.fence import check_sentence, fenced
from tests.fuzz.small import home_made_in
from tests.fuzz.strategies import fuzzed, hostile_text

_NUMBERS = ("0", "-1", "1", "2", "3", "1e5", "nan", "inf", "-inf", "1_0", "٣", " 2", "9" * 30)
_TEXTS = ("x", "starter", "fra-eng", "last", "1", "cpu", "cuda:7", "auto", "x,y", "2,3", "2,,3")
value = st.one_of(st.sampled_from(_NUMBERS), st.sampled_from(_TEXTS), hostile_text)
_TRAINING = (
    "--corpus", "--hidden-size", "--layers", "--dropout", "--optimizer", "--learning-rate",
    "--momentum", "--teacher-forcing", "--length-pool", "--seed", "--device", "--precision",
    "--threads", "--sentence", "--continue", "--evaluate-every", "--batch-size", "--engine",
    "--iterations", "--target-loss",
)  # fmt: skip
OPTIONS = {
    "train": _TRAINING,
    "sweep": (
        *_TRAINING[:14],
        "--batch-sizes",
        "--repeats",
        "--learning-rate-rule",
        "--engines",
        "--resume",
    ),
    "bench": ("--corpus", "--batch-sizes", "--precision", "--engines", "--rounds"),
    "replay": ("--sweep", "--corpus", "--iterations", "--repeats"),
    "advise": ("--sweep", "--target-loss"),
    "translate": ("--run",),
    "evaluate": ("--run",),
    "noise": ("--run", "--sentences"),
    "runs": ("--archived",),
    "sweeps": ("--json",),
    "export": ("--format", "--output"),
    "system": ("--json",),
}
# What keeps an accepted command short; what is being tried comes after it and wins.
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
def _as_before(signals_as_before: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """An offered address of nothing: no example asks the network."""
    del signals_as_before
    monkeypatch.setenv("S2S_CORPORA_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("s2s.data.download._PAUSES_SECONDS", ())


def typed(arguments: list[str], given: bytes = b"") -> tuple[int, str, str]:
    """Exit code, output and errors, through streams as `s2s.__main__` makes them."""

    def stream(content: io.BytesIO) -> io.TextIOWrapper:
        return io.TextIOWrapper(content, "utf-8", "backslashreplace", write_through=True)

    output, errors = io.BytesIO(), io.BytesIO()
    before, sys.stdin = sys.stdin, stream(io.BytesIO(given))
    try:
        with (
            contextlib.redirect_stdout(stream(output)),
            contextlib.redirect_stderr(stream(errors)),
        ):
            try:
                code = main(arguments)
            except SystemExit as end:  # argparse's own
                code = int(end.code or 0)
            return code, output.getvalue().decode(), errors.getvalue().decode()
    finally:
        sys.stdin = before


def check(arguments: list[str], given: bytes = b"") -> None:
    code, _, errors = typed(arguments, given)
    assert code in (0, 1, 2, 130), code
    assert "Traceback" not in errors
    told = [line for line in errors.splitlines() if line.startswith("s2s: ")]
    assert len(told) <= 1, errors
    assert code != 1 or told, errors
    for line in told:
        if code == 1:
            check_sentence(line)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a corpus and a run of two steps."""
    with home_made_in(tmp_path_factory.mktemp("prepared")) as home:
        assert typed(["train", *_SHORT["train"]])[0] == 0
    return home


def copied(prepared: Path, here: Path) -> None:
    shutil.copytree(prepared, here / "home")
    os.chdir(here)  # a relative path stays inside the fence


@pytest.fixture(autouse=True)
def _folder_as_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@fuzzed(70)
@given(data=st.data(), command=st.sampled_from(sorted(OPTIONS)))
def test_options(tmp_path: Path, prepared: Path, data: st.DataObject, command: str) -> None:
    names = data.draw(
        st.lists(st.sampled_from(OPTIONS[command]), min_size=1, max_size=2, unique=True)
    )
    tried = [f"{name}={data.draw(value)}" for name in names]
    more = data.draw(st.sampled_from(([], ["--json"], ["--nonsense"], ["x"])))
    with fenced(tmp_path, [each.partition("=")[2] for each in tried]) as here:
        copied(prepared, here)
        check([command, *_SHORT.get(command, ()), *tried, *more])
        os.chdir(tmp_path)


@fuzzed(50)
@given(arguments=st.lists(st.one_of(st.sampled_from(sorted(OPTIONS)), value), max_size=4))
@example(arguments=["corpora", "add", "\udcff"])
@example(arguments=["corpora", "add", "a\nb"])
@example(arguments=["corpora", "remove", "../x"])
@example(arguments=["export", "--output", "\udcff"])
@example(arguments=["export", "--output", "a\0b"])
@example(arguments=["export", "--output", "/"])
@example(arguments=["translate", "--run", "²"])
@example(arguments=["translate", "--run", "9" * 18])
@example(arguments=["translate", "\udcff"])
@example(arguments=["translate", "--json", "\udcff \u2028"])
@example(arguments=["train", "--sentence", "\udcff"])
@example(arguments=["advise", "--sweep", "--"])
@example(arguments=["train", "--corpus", "--"])
@example(arguments=["train", "--continue", "9" * 40])
@example(arguments=["advise", "--sweep", "9" * 40])
@example(arguments=["sweep", "--resume", "9" * 40])
def test_any_arguments(tmp_path: Path, prepared: Path, arguments: list[str]) -> None:
    slow = arguments[:1] in (["train"], ["sweep"], ["replay"], ["bench"])
    with fenced(tmp_path, arguments) as here:
        copied(prepared, here)
        check([*arguments, *(_SHORT[arguments[0]] if slow and arguments[1:2] != ["--"] else [])])
        os.chdir(tmp_path)


@fuzzed(40)
@given(
    given=st.one_of(
        st.binary(max_size=40), hostile_text.map(lambda t: t.encode("utf-8", "replace"))
    )
)
@example(given=b"tu vois \xff\xfe un\n\n\xf0\x9f\n")
def test_standard_input(tmp_path: Path, prepared: Path, given: bytes) -> None:
    with fenced(tmp_path) as here:
        copied(prepared, here)
        check(["translate", "--json"], given)
        os.chdir(tmp_path)
