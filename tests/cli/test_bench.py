"""The commands `bench` and `system`."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from s2s.bench import roofline
from s2s.bench.bench import Bench
from s2s.bench.report import latest_bench
from s2s.cli.main import main
from s2s.locks import lease_at_once
from tests.cli.commands import MODEL, Capture, error_of, objects, printed, printed_json
from tests.tiny import tiny_corpus

BENCH = ["bench", *MODEL, "--batch-sizes=2,4", "--seconds=0.001", "--rounds=2"]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(roofline, "COPY_BYTES", 4096)
    monkeypatch.setattr(roofline, "MEASURE_SECONDS", 0.001)
    tiny_corpus(tmp_path)


def test_table_and_stored_report(capsys: Capture) -> None:
    lines = printed(BENCH, capsys).splitlines()
    assert [line.split()[:3] for line in lines[1:5]] == [
        [engine, "fp32", size] for size in ("2", "4") for engine in ("article", "fused")
    ]
    report = latest_bench()
    assert report.complete
    assert len(report.rows) == 4
    assert report.command == f"python -m s2s {' '.join(BENCH)}"


def test_json(capsys: Capture) -> None:
    arguments = [*BENCH, "--engines=fused", "--precision=fp32,bf16", "--optimizer=adam"]
    *rows, report = printed_json(arguments, capsys)
    assert [(row["batch_size"], row["precision"]) for row in rows] == [
        (size, precision) for size in (2, 4) for precision in ("fp32", "bf16")
    ]
    assert {(row["event"], row["rounds"]) for row in rows} == {("combination", 2)}
    assert (report["event"], report["corpus"], report["complete"]) == ("bench", "tiny", True)
    assert report["machine"]["threads"] == 1
    assert "rows" not in report


def test_a_device_in_use(capsys: Capture) -> None:
    with lease_at_once("cpu"):
        error_of(BENCH, capsys)
    assert latest_bench() is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_prints_the_complete_rounds(
    number: signal.Signals, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Bench.run

    def interrupted(bench: Bench) -> Iterator[tuple[str, float]]:
        for activity, share in run(bench):
            if activity.startswith("Round 2"):
                signal.raise_signal(number)
            yield activity, share

    monkeypatch.setattr(Bench, "run", interrupted)
    *rows, report = printed_json(BENCH, capsys, code=130)
    assert [row["rounds"] for row in rows] == [1] * 4
    assert report["complete"] is latest_bench().complete is False


def test_ctrl_c_before_anything_was_measured(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_bench: Bench) -> Iterator[tuple[str, float]]:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(Bench, "run", interrupted)
    assert main(BENCH) == 130
    output, errors = capsys.readouterr()
    assert (output, errors.count("\n")) == ("", 1)
    assert latest_bench() is None


def test_system(capsys: Capture) -> None:
    assert "logical_cores" in printed(["system"], capsys)
    assert main(["system", "--json"]) == 0
    [info] = objects(capsys.readouterr().out)
    assert info["python"] == sys.version.split()[0]
