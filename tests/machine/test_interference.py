"""What other programs take of the processor; the system's counters are stand-ins."""

import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from s2s.machine import interference as others
from s2s.machine.interference import OthersMeter


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Two cores, whose counters and clock a test moves on."""
    fake = SimpleNamespace(now=100.0, usable=[0, 1], own=SimpleNamespace(user=5.0, system=1.0))
    fake.cores = [SimpleNamespace(user=9.0, system=3.0, idle=50.0, steal=0.0) for _ in range(2)]

    class Process:
        def cpu_affinity(self) -> list[int]:
            return fake.usable

        def cpu_times(self) -> Any:
            return fake.own

    monkeypatch.setattr(psutil, "Process", Process)
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: fake.cores if percpu else None)
    monkeypatch.setattr(others, "monotonic", lambda: fake.now)
    return fake


def test_what_is_busy_and_not_ours(machine: SimpleNamespace) -> None:
    meter = OthersMeter()
    machine.now += 2.0
    machine.cores[0].user += 1.5
    machine.cores[1].system += 0.5
    machine.cores[1].steal += 0.5
    machine.cores[1].idle += 1.0
    machine.own.user += 1.0
    machine.own.system += 0.25
    assert meter.read() == pytest.approx((2.5 - 1.25) / 2)
    machine.now += 1.0
    assert meter.read() == 0.0  # since the reading before


def test_cores_that_we_may_not_use_do_not_count(machine: SimpleNamespace) -> None:
    machine.usable = [1]
    meter = OthersMeter()
    machine.now += 1.0
    machine.cores[0].user += 1.0
    assert meter.read() == 0.0


def test_counters_that_differ_by_rounding_give_no_negative_load(machine: SimpleNamespace) -> None:
    meter = OthersMeter()
    machine.now += 1.0
    machine.own.user += 0.02
    assert meter.read() == 0.0


def test_a_moment_is_too_short_to_tell_and_is_not_lost(machine: SimpleNamespace) -> None:
    meter = OthersMeter()
    machine.now += 0.09
    machine.cores[0].user += 0.09
    assert meter.read() is None
    machine.now += 0.91
    machine.cores[0].user += 0.41
    assert meter.read() == pytest.approx(0.5)


def test_a_busy_neighbour_is_seen_and_our_own_work_is_not() -> None:
    meter = OthersMeter()
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        pass
    alone = meter.read()
    loop = [sys.executable, "-c", "while True: pass"]
    with subprocess.Popen(loop) as neighbour:
        meter.read()
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            pass
        beside = meter.read()
        neighbour.kill()
    cores = psutil.cpu_count() or 1
    assert alone is not None
    assert beside is not None
    assert 0 <= alone <= cores
    # What it takes others may have taken before, on a machine that has no more to give.
    assert 0.2 < beside <= cores
