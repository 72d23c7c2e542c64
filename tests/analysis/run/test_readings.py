"""Device readings as series: missing readings stay missing."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis.run.readings import build_reading_series, find_peak_memory
from s2s.records import DeviceSample


def sample(
    at: float, used: int | None, device: str = "cpu", torch: int | None = None
) -> DeviceSample:
    """Return a reading; where the memory is missing, the utilization is missing too."""
    return DeviceSample(at, device, None if used is None else 0.5, used, None, None, torch)


def test_missing_readings_and_pauses_are_gaps() -> None:
    nan = math.nan
    (series,) = build_reading_series([sample(10, 5), sample(11, None), sample(12, 0)])
    np.testing.assert_array_equal(series.seconds, [0, 1, 2])
    np.testing.assert_array_equal(series.memory_bytes, [5, nan, 0])
    np.testing.assert_array_equal(series.utilization, [0.5, nan, 0.5])
    np.testing.assert_array_equal(series.torch_bytes, [nan] * 3)
    (paused,) = build_reading_series([sample(at, 1) for at in (0, 1, 2, 20, 21)])
    np.testing.assert_array_equal(paused.seconds, [0, 1, 2, 11, 20, 21])
    np.testing.assert_array_equal(paused.memory_bytes, [1, 1, 1, nan, 1, 1])


def test_devices_are_separate_and_share_their_start() -> None:
    cpu, gpu = build_reading_series([sample(3, 1), sample(5, 2, "cuda:0", torch=7)])
    assert (cpu.device, gpu.device) == ("cpu", "cuda:0")
    assert (cpu.seconds.tolist(), gpu.seconds.tolist()) == ([0], [2])
    assert gpu.torch_bytes.tolist() == [7]


@given(some.lists(some.none() | some.integers(0, 10**12), max_size=80), some.integers(1, 20))
def test_thinning_keeps_the_peak_and_adds_nothing(readings: list[int | None], points: int) -> None:
    known = [each for each in readings if each is not None]
    samples = [sample(at, each) for at, each in enumerate(readings)]
    for series in build_reading_series(samples, points):
        assert len(series.seconds) <= points
        finite = series.memory_bytes[np.isfinite(series.memory_bytes)]
        assert set(finite) <= set(known)
        assert max(finite, default=None) == max(known, default=None)


def test_the_peak_is_torchs_where_torch_reports_one() -> None:
    samples = [sample(0, 90, "cuda:0", torch=7), sample(1, 95, "cuda:0", torch=9), sample(1, 99)]
    assert find_peak_memory(samples, "cuda:0") == 9
    assert find_peak_memory(samples, "cpu") == 99
    assert find_peak_memory(samples, "cuda:1") is None
    assert find_peak_memory([sample(0, None)], "cpu") is None
