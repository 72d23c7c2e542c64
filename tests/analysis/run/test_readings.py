"""Device readings as series: absent readings stay absent."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis.run.readings import peak_memory_bytes, reading_series, readings_text
from s2s.records import DeviceSample

MIB = 2**20


def sample(
    at: float, used: int | None, device: str = "cpu", busy: float | None = 0.5,
    torch: int | None = None,
) -> DeviceSample:  # fmt: skip
    return DeviceSample(at, device, busy, used, None, None, torch)


def same(values: object, expected: list[float]) -> bool:
    return np.array_equal(np.asarray(values), np.array(expected), equal_nan=True)


def test_what_was_not_reported_is_a_gap() -> None:
    (series,) = reading_series([sample(10, 5), sample(11, None, busy=None), sample(12, 0)])
    assert same(series.seconds, [0, 1, 2])
    assert same(series.memory_bytes, [5, math.nan, 0])
    assert same(series.utilization, [0.5, math.nan, 0.5])
    assert same(series.torch_bytes, [math.nan] * 3)


def test_a_pause_between_readings_is_a_gap() -> None:
    (series,) = reading_series([sample(at, 1) for at in (0, 1, 2, 20, 21)])
    assert same(series.seconds, [0, 1, 2, 11, 20, 21])
    assert same(series.memory_bytes, [1, 1, 1, math.nan, 1, 1])


def test_devices_are_apart_and_share_their_start() -> None:
    cpu, gpu = reading_series([sample(3, 1), sample(5, 2, "cuda:0", torch=7)])
    assert (cpu.device, gpu.device) == ("cpu", "cuda:0")
    assert (cpu.seconds.tolist(), gpu.seconds.tolist()) == ([0], [2])
    assert gpu.torch_bytes.tolist() == [7]


@given(some.lists(some.none() | some.integers(0, 10**12), max_size=80), some.integers(1, 20))
def test_thinning_keeps_the_peak_and_invents_nothing(
    readings: list[int | None], points: int
) -> None:
    known = [each for each in readings if each is not None]
    for series in reading_series([sample(at, each) for at, each in enumerate(readings)], points):
        assert len(series.seconds) <= points
        finite = series.memory_bytes[np.isfinite(series.memory_bytes)]
        assert set(finite) <= set(known)
        assert max(finite, default=None) == max(known, default=None)


def test_the_peak_is_the_runs_own_where_torch_tells() -> None:
    samples = [sample(0, 90, "cuda:0", torch=7), sample(1, 95, "cuda:0", torch=9), sample(1, 99)]
    assert peak_memory_bytes(samples, "cuda:0") == 9
    assert peak_memory_bytes(samples, "cpu") == 99
    assert peak_memory_bytes(samples, "cuda:1") is None
    assert peak_memory_bytes([sample(0, None)], "cpu") is None


def test_in_words() -> None:
    series = reading_series([sample(0, 700 * MIB, busy=0.2), sample(1, 600 * MIB, busy=0.4)])
    assert readings_text(series) == (
        "Memory and utilisation. cpu: 600 MiB in use, 700 MiB at most, 30 % busy on average."
    )
    silent = reading_series([sample(0, None, busy=None)])
    assert readings_text(silent) == "Memory and utilisation. cpu: nothing reported."
    assert readings_text([]) == "No device readings yet."
