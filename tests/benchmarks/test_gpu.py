"""The GPU benchmark on a CPU: every section at a tiny size, and sections that fail or hang."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from benchmarks.gpu import __main__ as command_line
from benchmarks.gpu.equality import compare_engines
from benchmarks.gpu.memory import check_memory_model
from benchmarks.gpu.programs import prepare_corpus, time_plain_torch
from benchmarks.gpu.readings import compare_readings
from benchmarks.gpu.sections import ROOT, run_section
from benchmarks.gpu.setup import Setup
from benchmarks.gpu.speed import measure_speed
from benchmarks.gpu.table import table
from s2s.bench import rounds
from tests.tiny import wait_until, write_tiny

_PLAIN = """
import sys
print("a warning")
print('{"batch_size": 4, "samples_per_second": 10.0, "device": "cpu"}')
"""


MEASURES: dict[str, Callable[[Setup], Iterator[dict[str, Any]]]] = {
    "corpus": prepare_corpus, "equality": compare_engines, "readings": compare_readings,
    "speed": measure_speed, "memory": check_memory_model, "plain": time_plain_torch,
}  # fmt: skip


def test_every_section_measures_on_a_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "MEASURE_SECONDS", 0.01)
    plain = tmp_path / "plain.py"
    plain.write_text(_PLAIN, encoding="utf-8")
    setup = Setup(
        folder=str(tmp_path / "corpora"), device="cpu", batch_sizes=(2, 4, 8), seconds=0.01,
        steps=4, hidden_size=8, data=str(write_tiny(tmp_path / "tiny.txt")), plain=str(plain),
    )  # fmt: skip
    sections: dict[str, Any] = {
        name: {"status": "finished", "seconds": 1.0, "rows": list(measure(setup)), "error": ""}
        for name, measure in MEASURES.items()
    }

    rows = sections["equality"]["rows"]
    assert [(row["case"], *row["engines"]) for row in rows] == [
        ("one length", "article", "fused"),
        ("one length", "graphed", "fused"),
        ("mixed lengths", "graphed", "fused"),
    ]
    assert all(row["equal"] and row["first_relative_difference"] < 1e-12 for row in rows)
    assert [row["replayed_steps"] for row in rows] == [None, 0, 0]  # no graphs on a CPU

    speeds = [row for row in sections["speed"]["rows"] if "engine" in row]
    assert len(speeds) == 9
    kinds = {("article", "fp32"), ("fused", "fp32"), ("fused", "bf16")}
    assert {(row["engine"], row["precision"]) for row in speeds} == kinds
    assert all(row["samples_per_second"] > 0 and row["roofline_share"] > 0 for row in speeds)

    sizes = [row.get("batch_size") for row in sections["memory"]["rows"]]
    assert [size for size in sizes if size] == [2, 4, 8]
    _, gputil = sections["readings"]["rows"]
    assert (gputil["readings"], gputil["utilization"]) == (0, None)
    assert [row["precision"] for row in sections["plain"]["rows"]] == ["fp32", "bf16"]

    report = {"device_name": "CPU", "torch": torch.__version__, "sections": sections}
    text = table(report)
    assert all(name in text for name in MEASURES)
    assert f"{speeds[3]['samples_per_second'] / 10:.1f}×" in text  # beside plain PyTorch's


def test_a_section_that_fails_keeps_its_rows_and_its_traceback() -> None:
    code = "print('{\"a\": 1}'); raise ValueError('no')"
    section = run_section([sys.executable, "-c", code], 60)
    assert (section["status"], section["rows"]) == ("failed", [{"a": 1}])
    assert section["error"].splitlines()[-1] == "ValueError: no"


def test_a_section_that_hangs_ends_with_its_children() -> None:
    code = (
        "import subprocess, sys; child = subprocess.Popen(['sleep', '1000']); "
        "print('{\"child\": %d}' % child.pid, flush=True); child.wait()"
    )
    section = run_section([sys.executable, "-c", code], 1)
    assert section["status"] == "out of time"
    for row in section["rows"]:
        wait_until(lambda child=row["child"]: not is_running(child))


def is_running(process_id: int) -> bool:
    try:
        return psutil.Process(process_id).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_an_error_without_a_gpu(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    out = tmp_path / "gpu.json"
    assert command_line.main(["--out", str(out)]) == 1
    (sentence,) = capsys.readouterr().out.splitlines()
    assert "CUDA device" in sentence
    assert not out.exists()


@pytest.mark.long
def test_the_benchmark_needs_no_package_of_the_dashboard() -> None:
    code = (
        "import sys; sys.modules.update(streamlit=None, plotly=None, pandas=None)\n"
        "from benchmarks.gpu import __main__, equality, memory, programs, readings, speed"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
