"""The commands `bench` and `system`."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from s2s.bench import rounds
from s2s.bench.bench import Bench
from s2s.bench_report import read_latest_bench
from s2s.locks import lease_without_waiting
from tests.cli.conftest import MODEL, Capture, error_of, printed, printed_json
from tests.tiny import tiny_corpus

BENCH = ["bench", *MODEL, "--batch-sizes=2,4", "--seconds=0.001", "--rounds=2", "--engines=fused"]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rounds, "COPY_BYTES", 4096)
    monkeypatch.setattr(rounds, "MEASURE_SECONDS", 0.001)
    tiny_corpus(tmp_path)


def test_a_table_and_json(capsys: Capture) -> None:
    with lease_without_waiting("cpu"):
        error_of(BENCH, capsys)
    assert read_latest_bench() is None
    lines = printed(BENCH, capsys).splitlines()
    assert [line.split()[:3] for line in lines[1:3]] == [
        ["fused", "fp32", "2"],
        ["fused", "fp32", "4"],
    ]
    stored = read_latest_bench()
    assert (stored.complete, len(stored.rows)) == (True, 2)
    assert stored.command == f"python -m s2s {' '.join(BENCH)}"
    *rows, report = printed_json([*BENCH, "--precision=fp32,bf16", "--optimizer=adam"], capsys)
    assert [(row["batch_size"], row["precision"]) for row in rows] == [
        (size, precision) for size in (2, 4) for precision in ("fp32", "bf16")
    ]
    assert {(row["event"], row["rounds"]) for row in rows} == {("combination", 2)}
    assert (report["event"], report["corpus"], report["complete"]) == ("bench", "tiny", True)
    assert "rows" not in report


@pytest.mark.parametrize(("number", "rounds"), [(signal.SIGINT, 0), (signal.SIGTERM, 1)])
def test_a_signal_prints_the_complete_rounds(
    number: signal.Signals, rounds: int, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Bench.run

    def interrupted(bench: Bench) -> Iterator[tuple[str, float]]:
        for activity, share in run(bench):
            if activity.startswith(f"Round {rounds + 1}"):
                signal.raise_signal(number)
            yield activity, share

    monkeypatch.setattr(Bench, "run", interrupted)
    *rows, report = printed_json(BENCH, capsys, code=130) or [None]
    if rounds:
        assert [row["rounds"] for row in rows] == [rounds] * 2
        assert report["complete"] is read_latest_bench().complete is False
    else:
        assert report is read_latest_bench() is None


def test_system(capsys: Capture) -> None:
    assert "logical_cores" in printed(["system"], capsys)
    [info] = printed_json(["system"], capsys)
    assert info["python"] == sys.version.split()[0]
