"""Load by other programs; the system's counters are stand-ins."""

from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from s2s.machine import interference
from s2s.machine.interference import OtherLoadMeter


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Two cores, whose counters and clock a test advances."""
    fake = SimpleNamespace(now=100.0, usable=[0, 1], own=SimpleNamespace(user=5.0, system=1.0))
    fake.cores = [SimpleNamespace(user=9.0, system=3.0, idle=50.0, steal=0.0) for _ in range(2)]

    class Process:
        def cpu_affinity(self) -> list[int]:
            return fake.usable

        def cpu_times(self) -> Any:
            return fake.own

    monkeypatch.setattr(psutil, "Process", Process)
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: fake.cores if percpu else None)
    monkeypatch.setattr(interference, "monotonic", lambda: fake.now)
    return fake


def test_load_by_others_excludes_this_process(machine: SimpleNamespace) -> None:
    meter = OtherLoadMeter()
    machine.now += 2.0
    machine.cores[0].user += 1.5
    machine.cores[1].system += 0.5
    machine.cores[1].steal += 0.5
    machine.cores[1].idle += 1.0
    machine.own.user += 1.0
    machine.own.system += 0.25
    assert meter.read() == pytest.approx((2.5 - 1.25) / 2)
    machine.now += 1.0
    machine.own.user += 0.02  # counters differ by rounding
    assert meter.read() == 0.0


def test_a_reading_too_soon_is_none_and_loses_nothing(machine: SimpleNamespace) -> None:
    machine.usable = [1]
    meter = OtherLoadMeter()
    machine.now += 0.09
    machine.cores[0].user += 1.0  # not usable by this process
    machine.cores[1].user += 0.09
    assert meter.read() is None
    machine.now += 0.91
    machine.cores[1].user += 0.41
    assert meter.read() == pytest.approx(0.5)
