"""The bench from choices to a report, and the latest report on disk."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from s2s.bench import rounds
from s2s.bench.bench import Bench, list_engines
from s2s.bench_report import read_latest_bench, save_bench
from s2s.config import Engine, TrainConfig
from s2s.errors import UserError
from s2s.locks import lease_at_once
from s2s.paths import home
from s2s.records import StepMemory
from s2s.runs import memory
from tests.plausible import bench_report
from tests.tiny import tiny_config

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threads = torch.get_num_threads()
    monkeypatch.setattr(rounds, "COPY_BYTES", 4096)
    monkeypatch.setattr(rounds, "MEASURE_SECONDS", 0.001)
    yield
    torch.set_num_threads(threads)


def make_bench(base: TrainConfig | None = None, **changes: Any) -> Bench:
    choices = {"engines": ["fused"], "batch_sizes": [2], "precisions": ["fp32"]}
    choices |= {"rounds": 2, "seconds": 0.001, "command": "typed"}
    return Bench(base or tiny_config(), **choices | changes)


def test_a_complete_report(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(config: TrainConfig, _is_cancelled: object) -> StepMemory:
        peak = 1000 * config.batch_size if config.precision == "fp32" else None
        return StepMemory(config.engine, config.batch_size, peak, None)

    monkeypatch.setattr(memory, "measure_step_memory", measure)
    monkeypatch.setattr(memory, "START_SECONDS", 0.002)  # as long as both rounds
    bench = make_bench(batch_sizes=[2, 3], precisions=["fp32", "bf16"])
    assert bench.build_report() is None
    activities = list(bench.run())
    assert all(name.startswith("Memory: ") for name, _ in activities[-4:])
    assert [share for _, share in activities[-4:]] == pytest.approx([0.5, 0.625, 0.75, 0.875])
    assert max(share for _, share in activities[:-4]) < 0.5
    report = bench.build_report()
    assert [row.peak_memory_bytes for row in report.rows] == [2000, None, 3000, None]
    assert (report.command, report.corpus, report.complete) == ("typed", "tiny", True)
    assert report.copy_rate_bytes > 0
    machine = report.machine
    assert (machine["device"], machine["threads"]) == ("cpu", 1)
    assert machine["device_name"] == machine["processor"]
    assert machine["torch"] == torch.__version__
    assert all(machine[name] >= 0 for name in ("load_before", "load_after", "other_load_cores"))
    json.dumps(machine)


@pytest.mark.parametrize("activity", ["Round 2", "Memory"])
def test_an_interrupted_bench_is_marked(activity: str) -> None:
    bench = make_bench()
    for each, _ in bench.run():
        if each.startswith(activity):
            break
    report = bench.build_report()
    assert (report.complete, report.rows[0].rounds) == (False, 1 if activity == "Round 2" else 2)
    assert report.rows[0].peak_memory_bytes is None


def test_the_device_is_held_while_it_is_measured() -> None:
    with lease_at_once("cpu"):
        bench = make_bench()
        with pytest.raises(UserError):
            list(bench.run())
        assert bench.build_report() is None
    running = make_bench().run()
    next(running)
    with pytest.raises(UserError), lease_at_once("cpu"):
        pass
    running.close()
    with lease_at_once("cpu"):
        pass


def test_engines_that_need_a_gpu_are_skipped() -> None:
    bench = make_bench(engines=["graphed", "fused"])
    list(bench.run())
    assert [row.engine for row in bench.build_report().rows] == ["fused"]
    assert len(bench.build_report().notes) == 1
    assert [engine.value for engine in list_engines(torch.device("cpu"))] == ["article", "fused"]
    assert list_engines(torch.device("cuda:0")) == list(Engine)


@pytest.mark.parametrize(
    "changes",
    [
        {"base": tiny_config(corpus="nowhere")},
        *({"engines": [engine]} for engine in ("graphed", "fast")),
        *({"batch_sizes": sizes} for sizes in ([0], [])),
        {"precisions": ["fp8"]},
        {"engines": ["article"], "precisions": ["bf16"]},
    ],
)
def test_impossible_choices_are_errors(changes: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        make_bench(**changes)


def test_the_latest_report_is_stored_but_an_incomplete_one_replaces_no_complete_one() -> None:
    assert read_latest_bench() is None
    complete, other = bench_report(), dataclasses.replace(bench_report(), corpus="other")
    incomplete = dataclasses.replace(complete, complete=False)
    expected = (incomplete, complete, complete, other)
    for saved, latest in zip((incomplete, complete, incomplete, other), expected, strict=True):
        save_bench(saved)
        assert read_latest_bench() == latest
    assert (home() / "bench.json").is_file()


def test_an_unreadable_file_is_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_bench(bench_report())
    path = home() / "bench.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"new": 1}))
    assert read_latest_bench() == bench_report()
    texts = ("", "[]", "{}", '{"rows": [{}], "notes": []}', "\x00", '{"rows": [', '{"rows": 7}')
    for text in (*texts, json.dumps(values | {"corpus": 1})):
        path.write_text(text)
        assert read_latest_bench() is None
    monkeypatch.setenv("S2S_HOME", str(tmp_path / "tiny.txt"))
    with pytest.raises(UserError, match="S2S_HOME"):
        save_bench(bench_report())
