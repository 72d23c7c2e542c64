"""`python -m s2s bench`."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from s2s.bench import rates
from s2s.bench.measurement import Measurement
from s2s.bench.report import latest_bench
from s2s.cli import main
from s2s.locks import lease
from tests.cli.commands import objects, refused
from tests.tiny import tiny_corpus

BENCH = ["bench", "--corpus=tiny", "--hidden-size=8", "--threads=1", "--device=cpu"]
BENCH += ["--batch-sizes=2,4", "--seconds=0.001", "--rounds=2"]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    threads = torch.get_num_threads()
    monkeypatch.setattr(rates, "COPY_BYTES", 4096)
    monkeypatch.setattr(rates, "MEASURE_SECONDS", 0.001)
    tiny_corpus(tmp_path)
    yield
    torch.set_num_threads(threads)


def test_a_table(capsys: Capture) -> None:
    assert main(BENCH) == 0
    output, errors = capsys.readouterr()
    lines = output.splitlines()
    assert [line.split()[:3] for line in lines[1:5]] == [
        ["article", "fp32", "2"],
        ["fused", "fp32", "2"],
        ["article", "fp32", "4"],
        ["fused", "fp32", "4"],
    ]
    assert errors == ""
    report = latest_bench()
    assert report.complete
    assert len(report.rows) == 4
    assert report.command == f"python -m s2s {' '.join(BENCH)}"


def test_json(capsys: Capture) -> None:
    arguments = [*BENCH, "--engines=fused", "--precision=fp32,bf16", "--optimizer=adam", "--json"]
    assert main(arguments) == 0
    *rows, whole = objects(capsys.readouterr().out)
    assert [(row["batch_size"], row["precision"]) for row in rows] == [
        (2, "fp32"),
        (2, "bf16"),
        (4, "fp32"),
        (4, "bf16"),
    ]
    assert {row["event"] for row in rows} == {"combination"}
    assert {row["rounds"] for row in rows} == {2}
    assert (whole["event"], whole["corpus"], whole["complete"]) == ("bench", "tiny", True)
    assert whole["machine"]["threads"] == 1
    assert "rows" not in whole


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("--batch-sizes=two", "Batch sizes are whole numbers with commas between; got 'two'"),
        ("--batch-sizes=,", "Batch sizes are whole numbers"),
        ("--batch-sizes=0", "The batch size is a whole number from 1"),
        ("--engines=fast", "The engine is one of article, fused"),
        ("--precision=fp8", "The precision is one of"),
        ("--precision=,", "Give an engine, a batch size and a precision."),
        ("--rounds=0", "The number of rounds is 1 or more"),
        ("--seconds=0", "The seconds of a round are above 0"),
        ("--seconds=nan", "The seconds of a round are above 0"),
        ("--threads=-1", "The number of threads is a whole number"),
        ("--corpus=nowhere", "no corpus 'nowhere'"),
    ],
)
def test_what_cannot_be_measured(argument: str, words: str, capsys: Capture) -> None:
    assert words in refused([*BENCH, argument], capsys)
    assert latest_bench() is None


def test_a_busy_device(capsys: Capture) -> None:
    with lease("cpu", lambda: False):
        assert "Something else trains or measures on the processor now" in refused(BENCH, capsys)


def test_ctrl_c_prints_what_was_measured(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Measurement.run

    def interrupted(measurement: Measurement) -> Iterator[tuple[str, float]]:
        for what, share in run(measurement):
            if what.startswith("Round 2"):
                raise KeyboardInterrupt
            yield what, share

    monkeypatch.setattr(Measurement, "run", interrupted)
    assert main([*BENCH, "--json"]) == 130
    *rows, whole = objects(capsys.readouterr().out)
    assert [row["rounds"] for row in rows] == [1] * 4
    assert whole["complete"] is False
    assert latest_bench().complete is False


def test_ctrl_c_before_anything_was_measured(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_measurement: Measurement) -> Iterator[tuple[str, float]]:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(Measurement, "run", interrupted)
    assert main(BENCH) == 130
    assert capsys.readouterr() == ("", "s2s: stopped before anything was measured.\n")
    assert latest_bench() is None


def test_sigterm_is_as_ctrl_c(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Measurement.run

    def ended(measurement: Measurement) -> Iterator[tuple[str, float]]:
        for what, share in run(measurement):
            if what.startswith("Round 2"):
                signal.raise_signal(signal.SIGTERM)
            yield what, share

    monkeypatch.setattr(Measurement, "run", ended)
    assert main([*BENCH, "--json"]) == 130
    assert [row["rounds"] for row in objects(capsys.readouterr().out)[:-1]] == [1] * 4


def test_how_threads_wait_is_said_before_torch_is_loaded() -> None:
    code = "import os, sys\nfrom s2s import cli\nfrom s2s.config import UserError\n"
    code += "class Finder:\n"
    code += "    def find_spec(self, name, *rest):\n"
    code += "        if name == 'torch': sys.exit(os.environ.get('GOMP_SPINCOUNT'))\n"
    code += "sys.meta_path.insert(0, Finder())\n"
    code += "cli.main(['bench', *sys.argv[1:]])\n"
    found = [
        subprocess.run(
            [sys.executable, "-c", code, *options], capture_output=True, text=True, check=False
        ).stderr
        for options in (["--openmp=briefly"], ["--openmp=default"])
    ]
    assert found == ["30000\n", ""]  # sys.exit(None) says nothing
