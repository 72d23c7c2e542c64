"""The line of peak memory: by hand, checked on a size left out, and flat where it is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis.sweep.memory import (
    MemoryCheck,
    MemoryLaw,
    MemoryPoint,
    left_out_checks,
    memory_law,
    memory_sentence,
)

SIZES = (2, 8, 32, 128)


def on_line(fixed: float, per_cell: float, sizes: tuple[int, ...] = SIZES) -> list[MemoryPoint]:
    """20 padded_tokens a sample."""
    return [MemoryPoint(size, 20 * size, fixed + per_cell * 20 * size) for size in sizes]


def test_a_line_by_hand() -> None:
    points = [MemoryPoint(4, 40, 600), MemoryPoint(1, 10, 300), MemoryPoint(16, 160, 1500)]
    law = memory_law(points)
    # 300 more for 30 padded_tokens more: 200 + 10 a cell, hence 1,800 at the size left out.
    assert [point.batch_size for point in law.points] == [1, 4, 16]
    assert (law.fixed_bytes, law.bytes_per_cell) == pytest.approx((200, 10))
    assert law.check == MemoryCheck(16, pytest.approx(1800), 1500)
    assert law.check.relative_error == pytest.approx(0.2)
    assert law.peak_bytes(50) == pytest.approx(700)


def test_what_fits_with_5_percent_kept_free() -> None:
    law = memory_law(on_line(1000, 10))
    assert not law.flat
    assert law.notes == ()
    # 0.95 * 20,000 = 19,000; less 1,000 and over 10: 1,800 padded_tokens, 42 samples of 42 padded_tokens and more.
    assert law.largest_cells(20_000) == pytest.approx(1800)
    assert law.largest_batch_size(20_000, 42) == 42
    assert law.largest_batch_size(20_000, 2000) == 0
    assert law.largest_cells(500) == 0
    assert law.largest_batch_size(500, 40) == 0


def test_repeats_of_the_largest_size_are_checked_by_their_medians() -> None:
    largest = [
        MemoryPoint(128, padded_tokens, peak)
        for padded_tokens, peak in ((90, 7), (100, 12), (110, 50))
    ]
    law = memory_law([*on_line(1, 0.1, (1, 2, 4)), *largest])
    assert law.check == MemoryCheck(128, pytest.approx(11), 12)


def test_two_sizes_give_an_unchecked_line() -> None:
    law = memory_law(on_line(1000, 10, (2, 8)))
    assert (law.fixed_bytes, law.bytes_per_cell) == pytest.approx((1000, 10))
    assert law.check is None
    assert not law.flat
    assert law.notes == ("No size was left out to check the line: measure a third.",)


def test_each_inner_size_left_out_in_turn() -> None:
    """Through (1, 3) and (4, 9) goes 1 + 2 x, so 5 at 2, which is 20 % less than was measured."""
    points = [MemoryPoint(*each) for each in ((1, 1, 3), (2, 2, 6.25), (4, 4, 9))]
    assert left_out_checks(points) == (MemoryCheck(2, pytest.approx(5), 6.25),)
    assert left_out_checks(points)[0].relative_error == pytest.approx(-0.2)
    checks = left_out_checks(on_line(1000, 10))
    assert [check.batch_size for check in checks] == [8, 32]
    assert [check.relative_error for check in checks] == pytest.approx([0, 0])
    assert left_out_checks(points[:2]) == left_out_checks([]) == ()


def test_what_fits_in_a_sentence() -> None:
    law = memory_law(on_line(1e7, 1000))
    # (0.95 * 1 GB - 10 MB) / 1,000 a cell / 20 padded_tokens
    assert memory_sentence(law, 10**9) == (
        "Memory: batch size 47,000 is the largest predicted to fit in 954 MiB; verify it by a "
        "run. Sizes left out of the line were predicted within 0 %."
    )
    assert "every size up to 65,536 is predicted to fit in 9.31 GiB." in memory_sentence(
        law, 10**10
    )
    assert "not even one sentence is predicted to fit in 5 MiB" in memory_sentence(law, 5 * 2**20)
    assert "how much there is of it here is not known" in memory_sentence(law, None)
    flat = memory_law(on_line(1000, 0.01))
    assert memory_sentence(flat, 10**9) == (
        "Memory is flat up to batch size 128: it changes by 3 % of its fixed part, so that no "
        "limit is in sight."
    )
    assert memory_sentence(memory_law([]), 10**9) == "Memory: not measured in this sweep."
    assert memory_sentence(memory_law(on_line(1, 1, (2,))), 9).startswith("A line of memory takes")


def test_repeats_of_two_sizes_are_all_in_the_line() -> None:
    """Within either size memory falls with the padded_tokens; between the sizes it rises."""
    points = [
        MemoryPoint(*each) for each in ((2, 39, 101), (2, 41, 99), (8, 159, 201), (8, 161, 199))
    ]
    law = memory_law(points)
    assert law.bytes_per_cell == pytest.approx(100 / 120, rel=0.01)
    assert law.check is None


@pytest.mark.parametrize(
    "points", [[], on_line(1, 1, (2,)), [MemoryPoint(2, 40, 5), MemoryPoint(2, 44, 6)]]
)
def test_one_size_gives_no_line(points: list[MemoryPoint]) -> None:
    law = memory_law(points)
    assert law.fixed_bytes is law.bytes_per_cell is law.check is law.peak_bytes(1) is None
    assert law.largest_cells(1e9) is law.largest_batch_size(1e9, 40) is None
    assert law.notes == ("A line of memory takes two batch sizes: measure more.",)


def test_a_rise_below_5_percent_of_the_fixed_part_is_flat() -> None:
    """From 40 to 2,560 padded_tokens: 49 or 51 more on 1,000."""
    flat = memory_law(on_line(1000, 49 / 2520))
    assert flat.flat
    assert "changes by 5 % of its fixed part" in flat.notes[0]
    assert flat.largest_cells(1e9) is flat.largest_batch_size(1e9, 40) is None
    assert flat.peak_bytes(40) is not None
    assert not memory_law(on_line(1000, 51 / 2520)).flat


def test_a_constant_and_a_falling_memory_are_flat() -> None:
    assert memory_law(on_line(1000, 0)).flat
    falling = memory_law(on_line(1000, -0.1))
    assert falling.flat
    assert falling.largest_cells(1e9) is None


def test_a_rise_within_the_scatter_is_flat() -> None:
    peaks = {2: (100, 130), 8: (150, 110), 32: (110, 165)}
    points = [MemoryPoint(size, 20 * size, peak) for size in peaks for peak in peaks[size]]
    law = memory_law(points)
    assert law.bytes_per_cell == pytest.approx(15 / 120)
    assert law.flat
    assert "cannot be told from its scatter" in law.notes[0]
    assert law.largest_cells(1e9) is None


@pytest.mark.parametrize("point", [MemoryPoint(2, 0, 5), MemoryPoint(2, 5, 0)])
def test_cells_and_bytes_are_above_0(point: MemoryPoint) -> None:
    with pytest.raises(ValueError, match="above 0"):
        memory_law([point])


@given(
    some.floats(1e6, 1e10),
    some.floats(10, 1e7),
    some.sets(some.integers(1, 2048), min_size=2, max_size=8),
)
def test_an_exact_line_is_recovered(fixed: float, per_cell: float, sizes: set[int]) -> None:
    law = memory_law(on_line(fixed, per_cell, tuple(sizes)))
    whole = fixed + per_cell * 20 * max(sizes)
    assert law.fixed_bytes == pytest.approx(fixed, rel=1e-6, abs=1e-9 * whole)
    assert law.bytes_per_cell == pytest.approx(per_cell, rel=1e-6, abs=1e-9 * whole)
    assert law.check is None or law.check.relative_error == pytest.approx(0, abs=1e-6)


@given(some.floats(1e7, 1e11), some.integers(2, 60))
def test_the_largest_batch_fits_and_the_next_one_does_not(available: float, longest: int) -> None:
    law = memory_law(on_line(1e6, 1000))
    largest = law.largest_batch_size(available, longest)
    assert largest is not None
    assert predicted(law, largest * longest) <= 0.95 * available * (1 + 1e-9)
    assert predicted(law, (largest + 1) * longest) > 0.95 * available * (1 - 1e-9)


def predicted(law: MemoryLaw, padded_tokens: float) -> float:
    peak = law.peak_bytes(padded_tokens)
    assert peak is not None
    return peak


def simulated(seed: int, per_cell: float) -> MemoryLaw:
    """Three runs a size; each one's peak is off by 2 % of the fixed 500 MB."""
    random = np.random.default_rng(seed)
    return memory_law(
        [
            MemoryPoint(
                size, padded_tokens, 5e8 + per_cell * padded_tokens + 1e7 * random.standard_normal()
            )
            for size in SIZES
            for padded_tokens in 20 * size * random.uniform(0.9, 1.1, 3)
        ]
    )


def test_a_rise_is_found_in_noise_and_none_where_there_is_none() -> None:
    # 500 MB more over the measured sizes, or nothing.
    rising = [simulated(seed, 2e5) for seed in range(100)]
    assert not any(law.flat for law in rising)
    assert sum(simulated(seed, 0).flat for seed in range(100)) >= 95
    errors = [law.check.relative_error for law in rising if law.check]
    assert len(errors) == 100
    assert np.median(np.abs(errors)) < 0.10
