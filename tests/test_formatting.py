"""Numbers, sizes and names as people read them."""

import math
from collections.abc import Callable

import pytest

from s2s.formatting import (
    format_bytes,
    format_device,
    format_duration,
    format_estimate,
    format_iterations,
    format_loss,
    format_percent,
    format_range,
    format_rate,
    format_step_time,
)


@pytest.mark.parametrize(
    ("format_value", "expected"),
    [
        (
            format_duration,
            {9.94: "9.9 s", 9.96: "10 s", 59.6: "1 min 00 s", 94: "1 min 34 s",
             3599.6: "1 h 00 min", 7500: "2 h 05 min", 86_399: "1 d 0 h", 273_600: "3 d 4 h"},
        ),
        (
            format_step_time,
            {None: "–", 0.00085: "850 µs", 0.0123: "12.3 ms", 0.1604: "160 ms", 1.2: "1.2 s"},
        ),
        (format_estimate, {0.0312: "0.031", 9.96: "10", 312: "310", 12_345: "12,000"}),
        (format_iterations, {0: "0 iterations", 1: "1 iteration", 1200: "1,200 iterations"}),
        (format_percent, {0.076: "8%", 1.5: "150%"}),
        (format_bytes, {None: "–", 600 * 2**20: "600 MiB", 3 * 2**29: "1.50 GiB"}),
        (format_rate, {None: "–", 21.274: "21.3", 226.95: "227", 12_437: "12,400"}),
        (format_loss, {None: "–", 85.044: "85.04", math.nan: "NaN or infinite"}),
        (format_device, {"cpu": "the CPU", "cuda:1": "GPU 1"}),
    ],
)  # fmt: skip
def test_formats(format_value: Callable[[object], str], expected: dict[object, str]) -> None:
    assert {value: format_value(value) for value in expected} == expected


def test_ranges() -> None:
    assert format_range(1.0, 2.0, format_rate) == "1 to 2"
    assert format_range(None, 2.0, format_rate) == ""
