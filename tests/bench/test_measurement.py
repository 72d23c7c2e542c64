"""The bench and the limits with the device to themselves."""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from s2s.bench import rates
from s2s.bench.bench import Bench
from s2s.bench.measurement import Measurement, held, limits
from s2s.config import TrainConfig
from s2s.errors import UserError
from s2s.locks import lease
from s2s.records import StepMemory
from s2s.runs import memory as run_memory
from tests.tiny import tiny_config

CPU = torch.device("cpu")
CHOICES: dict[str, Any] = {
    "batch_sizes": [2],
    "precisions": ["fp32"],
    "rounds": 2,
    "seconds": 0.001,
    "command": "typed",
}
BUSY = "Something else trains or measures on the processor now"
pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threads = torch.get_num_threads()
    monkeypatch.setattr(rates, "COPY_BYTES", 4096)
    monkeypatch.setattr(rates, "MEASURE_SECONDS", 0.001)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def busy() -> Iterator[None]:
    with lease("cpu", lambda: False):
        yield


def test_a_report() -> None:
    measurement = Measurement(tiny_config(), engines=None, **CHOICES)
    assert measurement.report() is None
    list(measurement.run())
    report = measurement.report()
    assert [(row.engine, row.rounds) for row in report.rows] == [("article", 2), ("fused", 2)]
    assert {row.peak_memory_bytes for row in report.rows} == {50_040_000}  # see conftest.py
    assert (report.command, report.corpus, report.complete) == ("typed", "tiny", True)
    assert report.copy_rate_bytes > 0
    assert report.notes == ()
    machine = report.machine
    assert (machine["device"], machine["threads"]) == ("cpu", 1)
    assert machine["device_name"] == machine["processor"]
    assert machine["torch"] == torch.__version__
    assert machine["load_before"] >= 0
    assert machine["load_after"] >= 0
    assert machine["other_load_cores"] >= 0
    json.dumps(machine)


def test_one_broken_off_says_so() -> None:
    measurement = Measurement(tiny_config(), engines=["fused"], **CHOICES | {"rounds": 9})
    for what, _ in measurement.run():
        if what.startswith("Round 3"):
            break
    report = measurement.report()
    assert (report.complete, report.rows[0].rounds) == (False, 2)
    assert report.rows[0].peak_memory_bytes is None


def test_each_combination_has_its_own_memory_and_a_gap_where_that_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def memory(config: TrainConfig, _: object) -> StepMemory:
        peak = 1000 * config.batch_size + (config.engine == "article")
        known = config.precision == "fp32"
        return StepMemory(config.engine, config.batch_size, peak if known else None, None)

    monkeypatch.setattr(run_memory, "measure_step_memory", memory)
    monkeypatch.setattr(run_memory, "START_SECONDS", 0.002)  # as long as both rounds
    choices = CHOICES | {"batch_sizes": [2, 3], "precisions": ["fp32", "bf16"]}
    measurement = Measurement(tiny_config(), engines=["article", "fused"], **choices)
    told = list(measurement.run())
    names = ["article, batch size 2, fp32", "fused, batch size 2, fp32"]
    names += ["fused, batch size 2, bf16", "article, batch size 3, fp32"]
    names += ["fused, batch size 3, fp32", "fused, batch size 3, bf16"]
    shares = [0.5 + 0.5 * place / 6 for place in range(6)]
    assert [what for what, _ in told[-6:]] == [f"Memory: {name}" for name in names]
    assert [share for _, share in told[-6:]] == pytest.approx(shares)
    assert max(share for _, share in told[:-6]) < 0.5
    report = measurement.report()
    assert [row.peak_memory_bytes for row in report.rows] == [2001, 2000, None, 3001, 3000, None]
    assert report.notes[-2:] == (
        "Memory could not be measured: fused, batch size 2, bf16.",
        "Memory could not be measured: fused, batch size 3, bf16.",
    )


def test_one_broken_off_before_the_memory_says_so_too() -> None:
    measurement = Measurement(tiny_config(), engines=["fused"], **CHOICES)
    for what, _ in measurement.run():
        if what.startswith("Memory"):
            break
    report = measurement.report()
    assert (report.complete, report.rows[0].rounds) == (False, 2)
    assert report.rows[0].peak_memory_bytes is None


def test_a_peak_that_the_rounds_tell_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    measurement = Measurement(tiny_config(), engines=["fused"], **CHOICES)
    list(measurement.run())
    (row,) = measurement.report().rows
    row = dataclasses.replace(row, peak_memory_bytes=7)
    monkeypatch.setattr(Bench, "rows", lambda _: [row])
    other = Measurement(tiny_config(), engines=["fused"], **CHOICES)
    next(other.run())
    assert other.report().rows == (row,)


def test_what_did_not_fit_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def memory(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Bench, "rows", lambda _: [])
    monkeypatch.setattr(run_memory, "measure_step_memory", memory)
    list(Measurement(tiny_config(), engines=["fused"], **CHOICES).run())


@pytest.mark.usefixtures("busy")
def test_a_busy_device_is_not_waited_for() -> None:
    measurement = Measurement(tiny_config(), engines=None, **CHOICES)
    with pytest.raises(UserError, match=BUSY):
        list(measurement.run())
    assert measurement.report() is None
    with pytest.raises(UserError, match=BUSY):
        limits(tiny_config(), [2])


def test_the_device_is_held_while_it_is_measured() -> None:
    running = Measurement(tiny_config(), engines=None, **CHOICES).run()
    next(running)
    with pytest.raises(UserError, match=BUSY), held(CPU):
        pass
    running.close()
    with held(CPU):
        pass


def test_what_computes_as_another_engine_here_has_no_row() -> None:
    measurement = Measurement(tiny_config(), engines=["graphed", "fused"], **CHOICES)
    list(measurement.run())
    report = measurement.report()
    assert [row.engine for row in report.rows] == ["fused"]
    assert report.notes == ("Left out, graphed: it needs a GPU.",)
    with pytest.raises(UserError, match="Left out, graphed: it needs a GPU"):
        Measurement(tiny_config(), engines=["graphed"], **CHOICES)


def test_what_cannot_be_measured() -> None:
    with pytest.raises(UserError, match="no corpus 'nowhere'"):
        Measurement(tiny_config(corpus="nowhere"), engines=None, **CHOICES)
    with pytest.raises(UserError, match="no corpus 'nowhere'"):
        limits(tiny_config(corpus="nowhere"), [2])


def test_limits() -> None:
    copying, found = limits(tiny_config(), [2, 4])
    assert copying > 0
    assert [floor.batch_size for floor in found] == [2, 4]
