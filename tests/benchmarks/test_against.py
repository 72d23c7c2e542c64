"""The comparison with another program, on the tiny corpus."""

import json
import sys

import pytest

from benchmarks.against import main

Capture = pytest.CaptureFixture[str]
OURS = ["--corpus=tiny", "--hidden-size=8", "--device=cpu", "--batch-sizes=2", "--seconds=0.001"]
THEIRS = (
    "import json, sys; size, threads = map(int, sys.argv[1:]);"
    "print(json.dumps({'batch_size': size, 'samples_per_second': 0.5 * threads}))"
)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what the script sets for its processes."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "1")


@pytest.mark.long
@pytest.mark.usefixtures("tiny")
def test_pairs_and_their_median(capsys: Capture) -> None:
    command = [sys.executable, "-c", THEIRS, "{batch_size}", "{threads}"]
    assert main([*OURS, "--pairs=2", "--", *command]) == 0
    first, second, summary = map(json.loads, capsys.readouterr().out.splitlines())
    for pair in (first, second):
        assert (pair["batch_size"], pair["measure"]) == (2, "samples_per_second")
        assert pair["ratio"] == pytest.approx(pair["ours"] / 0.5)
    assert summary["median_ratio"] == pytest.approx((first["ratio"] + second["ratio"]) / 2)
    assert summary["lowest_ratio"] <= summary["median_ratio"] <= summary["highest_ratio"]


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("code", ["raise SystemExit(3)", "print('[]')", "print('fast')"])
def test_a_program_that_fails_or_prints_no_number(code: str, capsys: Capture) -> None:
    assert main([*OURS, "--", sys.executable, "-c", code]) == 1
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.count("\n") == 1
