"""The bench from choices to a report."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from s2s.bench import roofline
from s2s.bench.bench import Bench, combine, engines_for
from s2s.config import Engine, TrainConfig
from s2s.errors import UserError
from s2s.locks import lease_at_once
from s2s.records import StepMemory
from s2s.runs import memory
from tests.tiny import tiny_config

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threads = torch.get_num_threads()
    monkeypatch.setattr(roofline, "COPY_BYTES", 4096)
    monkeypatch.setattr(roofline, "MEASURE_SECONDS", 0.001)
    yield
    torch.set_num_threads(threads)


def make_bench(base: TrainConfig | None = None, **changes: Any) -> Bench:
    choices: dict[str, Any] = {
        "engines": ["fused"],
        "batch_sizes": [2],
        "precisions": ["fp32"],
        "rounds": 2,
        "seconds": 0.001,
        "command": "typed",
    }
    return Bench(base or tiny_config(), **choices | changes)


def test_a_complete_report() -> None:
    bench = make_bench(engines=None)
    assert bench.report() is None
    list(bench.run())
    report = bench.report()
    assert [(row.engine, row.rounds) for row in report.rows] == [("article", 2), ("fused", 2)]
    assert {row.peak_memory_bytes for row in report.rows} == {50_040_000}  # see conftest.py
    assert (report.command, report.corpus, report.complete) == ("typed", "tiny", True)
    assert report.copy_rate_bytes > 0
    assert report.notes == ()
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
    report = bench.report()
    assert (report.complete, report.rows[0].rounds) == (False, 1 if activity == "Round 2" else 2)
    assert report.rows[0].peak_memory_bytes is None


def test_memory_is_measured_per_timed_combination_with_gaps_for_failures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def measure(config: TrainConfig, _is_cancelled: object) -> StepMemory:
        peak = 1000 * config.batch_size + (config.engine == "article")
        measured = config.precision == "fp32"
        return StepMemory(config.engine, config.batch_size, peak if measured else None, None)

    monkeypatch.setattr(memory, "measure_step_memory", measure)
    monkeypatch.setattr(memory, "START_SECONDS", 0.002)  # as long as both rounds
    bench = make_bench(
        engines=["article", "fused"], batch_sizes=[2, 3], precisions=["fp32", "bf16"]
    )
    activities = list(bench.run())
    last = activities[-6:]
    assert all(name.startswith("Memory: ") for name, _ in last)
    assert [share for _, share in last] == pytest.approx([0.5 + 0.5 * n / 6 for n in range(6)])
    assert max(share for _, share in activities[:-6]) < 0.5
    report = bench.report()
    assert [row.peak_memory_bytes for row in report.rows] == [2001, 2000, None, 3001, 3000, None]
    assert [note.split(": ")[1] for note in report.notes[-2:]] == [
        "fused, batch size 2, bf16.",
        "fused, batch size 3, bf16.",
    ]


def test_memory_of_skipped_combinations_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("s2s.bench.rounds.Rounds.rows", lambda _: [])
    monkeypatch.setattr(memory, "measure_step_memory", measure)
    list(make_bench().run())


def test_the_device_is_held_while_it_is_measured() -> None:
    with lease_at_once("cpu"):
        bench = make_bench()
        with pytest.raises(UserError):
            list(bench.run())
        assert bench.report() is None
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
    assert [row.engine for row in bench.report().rows] == ["fused"]
    assert len(bench.report().notes) == 1
    assert [engine.value for engine in engines_for(torch.device("cpu"))] == ["article", "fused"]
    assert engines_for(torch.device("cuda:0")) == list(Engine)


@pytest.mark.parametrize(
    "changes",
    [
        {"base": tiny_config(corpus="nowhere")},
        {"engines": ["graphed"]},
        {"engines": ["fast"]},
        {"batch_sizes": [0]},
        {"precisions": ["fp8"]},
        {"engines": ["article"], "precisions": ["bf16"]},
        {"batch_sizes": []},
    ],
)
def test_impossible_choices_are_errors(changes: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        make_bench(**changes)


def test_each_combination_once() -> None:
    configs, notes = combine(tiny_config(), ["article", "fused"], [2, 4, 2], ["bf16"])
    assert [(config.engine, config.batch_size) for config in configs] == [
        ("fused", 2),
        ("fused", 4),
    ]
    assert len(notes) == 1
