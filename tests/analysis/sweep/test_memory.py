"""The fit of peak memory: by hand, checked on a size left out, and flat where it is."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis.estimate import LeaveOneOutCheck
from s2s.analysis.sweep import memory
from s2s.analysis.sweep.memory import MemoryCaveat, MemoryFit, MemoryPoint, fit_memory
from s2s.config import Engine
from s2s.records import StepMemory
from tests import studies

SIZES = (2, 8, 32, 128)


def on_line(fixed: float, per_token: float, sizes: tuple[int, ...] = SIZES) -> list[MemoryPoint]:
    """20 padded tokens per sample."""
    return [MemoryPoint(size, 20 * size, fixed + per_token * 20 * size) for size in sizes]


def test_a_fit_by_hand() -> None:
    points = [MemoryPoint(4, 40, 600), MemoryPoint(1, 10, 300), MemoryPoint(16, 160, 1500)]
    fit = fit_memory(points)
    # 300 more for 30 padded tokens more: 200 + 10 per token, hence 1,800 at the size left out.
    assert [point.batch_size for point in fit.points] == [1, 4, 16]
    assert (fit.fixed_bytes, fit.bytes_per_padded_token) == pytest.approx((200, 10))
    assert fit.check == LeaveOneOutCheck(16, pytest.approx(1800), 1500)
    assert fit.check.relative_error == pytest.approx(0.2)
    assert fit.peak_bytes(50) == pytest.approx(700)


def test_the_largest_batch_leaves_5_percent_free() -> None:
    fit = fit_memory(on_line(1000, 10))
    assert fit.caveats == ()
    # 0.95 * 20,010 = 19,010; less 1,000 and over 10: 1,801 padded tokens, 90 samples of 20.
    assert fit.max_batch_size(20_010) == 90
    assert fit.max_batch_size(500) == 0
    longer = fit_memory([*on_line(1000, 10), MemoryPoint(32, 1280, 13_800)])
    assert longer.max_batch_size(20_010) == 45  # 40 padded tokens per sample in one step


def test_checks_by_hand() -> None:
    """Repeats of the largest size count by their medians; each inner size is left out in turn."""
    largest = [MemoryPoint(128, *each) for each in ((90, 7), (100, 12), (110, 50))]
    fit = fit_memory([*on_line(1, 0.1, (1, 2, 4)), *largest])
    assert fit.check == LeaveOneOutCheck(128, pytest.approx(11), 12)
    # Through (1, 3) and (4, 9) goes 1 + 2 x, so 5 at 2, which is 20% less than was measured.
    points = [MemoryPoint(*each) for each in ((1, 1, 3), (2, 2, 6.25), (4, 4, 9))]
    check = memory.cross_validate_memory
    assert check(points) == (LeaveOneOutCheck(2, pytest.approx(5), 6.25),)
    assert check(points)[0].relative_error == pytest.approx(-0.2)
    assert [each.batch_size for each in check(on_line(1000, 10))] == [8, 32]
    assert check(points[:2]) == check([]) == ()


def test_two_sizes_give_an_unchecked_fit_through_all_repeats_and_one_size_none() -> None:
    """Within either size memory falls with the padded tokens; between the sizes it rises."""
    peaks = ((2, 39, 101), (2, 41, 99), (8, 159, 201), (8, 161, 199))
    points = [MemoryPoint(*each) for each in peaks]
    fit = fit_memory(points)
    assert fit.bytes_per_padded_token == pytest.approx(100 / 120, rel=0.01)
    assert (fit.check, fit.caveats) == (None, (MemoryCaveat.UNCHECKED,))
    for few in ([], points[:1], points[:2]):
        fit = fit_memory(few)
        assert fit.fixed_bytes is fit.check is fit.peak_bytes(1) is fit.max_batch_size(1e9) is None
        assert fit.caveats == (MemoryCaveat.ONE_SIZE,)


def test_a_flat_or_an_uncertain_fit_gives_no_limit() -> None:
    """From 40 to 2,560 padded tokens: 49 more on 1,000."""
    for per_token in (49 / 2520, 0, -0.1):
        flat = fit_memory(on_line(1000, per_token))
        assert (flat.caveats, flat.max_batch_size(1e9)) == ((MemoryCaveat.FLAT,), None)
        assert flat.peak_bytes(40) is not None
    assert fit_memory(on_line(1000, 51 / 2520)).caveats == ()
    peaks = {2: (100, 130), 8: (150, 110), 32: (110, 165)}
    points = [MemoryPoint(size, 20 * size, peak) for size in peaks for peak in peaks[size]]
    fit = fit_memory(points)
    assert fit.bytes_per_padded_token == pytest.approx(15 / 120)
    assert (fit.caveats, fit.max_batch_size(1e9)) == ((MemoryCaveat.UNCERTAIN_SLOPE,), None)


SETS_OF_SIZES = some.sets(some.integers(1, 2048), min_size=2, max_size=8)


@given(some.floats(1e6, 1e10), some.floats(10, 1e7), SETS_OF_SIZES)
def test_an_exact_line_is_recovered(fixed: float, per_token: float, sizes: set[int]) -> None:
    fit = fit_memory(on_line(fixed, per_token, tuple(sizes)))
    whole = fixed + per_token * 20 * max(sizes)
    assert fit.fixed_bytes == pytest.approx(fixed, rel=1e-6, abs=1e-9 * whole)
    assert fit.bytes_per_padded_token == pytest.approx(per_token, rel=1e-6, abs=1e-9 * whole)
    assert fit.check is None or fit.check.relative_error == pytest.approx(0, abs=1e-6)


def simulate(seed: int, per_token: float) -> MemoryFit:
    """Fit three runs per size; each run's peak is off by 2% of the fixed 500 MB."""
    random, points = np.random.default_rng(seed), []
    for size in SIZES:
        for tokens in 20 * size * random.uniform(0.9, 1.1, 3):
            peak = 5e8 + per_token * tokens + 1e7 * random.standard_normal()
            points.append(MemoryPoint(size, tokens, peak))
    return fit_memory(points)


def test_a_rise_is_found_in_noise_and_none_where_there_is_none() -> None:
    # 500 MB more over the measured sizes, or nothing.
    rising = [simulate(seed, 2e5) for seed in range(100)]
    assert not any(fit.caveats for fit in rising)
    assert sum(bool(simulate(seed, 0).caveats) for seed in range(100)) >= 95
    errors = [fit.check.relative_error for fit in rising if fit.check]
    assert len(errors) == 100
    assert np.median(np.abs(errors)) < 0.10


def test_on_a_cpu_memory_comes_from_separate_processes() -> None:
    """The runs' own peaks are of a whole process, and do not count."""
    measured = (
        StepMemory(Engine.ARTICLE, 2, 9, 9), StepMemory(Engine.FUSED, 2, 1000, 40),
        StepMemory(Engine.FUSED, 8, None, None), StepMemory(Engine.FUSED, 32, 1600, 640),
    )  # fmt: skip
    run_peak = {(2, 0): {"peak_memory_bytes": 9, "max_padded_tokens": 9}}
    study = studies.with_summaries(studies.sweep(), run_peak)
    points = memory.collect_memory_points(dataclasses.replace(study, memory=measured), Engine.FUSED)
    assert points == [MemoryPoint(2, 40, 1000), MemoryPoint(32, 640, 1600)]


def test_on_a_gpu_memory_comes_from_each_run() -> None:
    small = {"peak_memory_bytes": 1200, "max_padded_tokens": 40}
    large = {"peak_memory_bytes": 1800, "max_padded_tokens": 160}
    peaks = {(2, 0): {"peak_memory_bytes": 1200}, (2, 1): small, (8, 0): large, (8, 1): large}
    study = studies.with_summaries(studies.sweep(), peaks)
    on_gpu = tuple(
        dataclasses.replace(part, run=dataclasses.replace(part.run, device="cuda:0"))
        for part in study.parts
    )
    points = memory.collect_memory_points(dataclasses.replace(study, parts=on_gpu), Engine.FUSED)
    assert points == [MemoryPoint(2, 40, 1200), *[MemoryPoint(8, 160, 1800)] * 2]
