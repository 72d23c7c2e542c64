"""A bench in words and columns."""

import dataclasses

import pytest

from s2s.text.bench import (
    bench_text,
    copy_words,
    doubts,
    machine_line,
    memory_words,
    page_row,
    rounds_words,
)
from tests.plausible import MACHINE, bench_report


def test_a_row_of_the_page() -> None:
    full, bare = map(page_row, bench_report().rows)
    assert full == {
        "Engine": "fused",
        "Precision": "fp32",
        "Batch size": 512,
        "Samples/s": 2000.0,
        "IQR of rounds": 0.15,
        "Noise": "noisy",
        "Real tokens/s": 30_000.0,
        "Padded": 0.5,
        "Memory (MiB)": 64.0,
        "Step (ms)": 250.0,
        "Floor (ms)": 200.0,
        "Floor reached": 0.75,
    }
    gaps = {"IQR of rounds", "Noise", "Memory (MiB)", "Floor (ms)", "Floor reached"}
    assert {title for title, value in bare.items() if value is None} == gaps
    assert bare["Padded"] == 0.0


def cells(line: str) -> str:
    """With one space between."""
    return " ".join(line.split())


def test_the_text() -> None:
    titles, full, bare, *rest = bench_text(bench_report()).splitlines()
    assert cells(titles) == (
        "engine batch samples/s IQR noise tokens/s padded memory step floor reached"
    )
    assert cells(full) == "fused fp32 512 2,000 15% noisy 30,000 50% 64 MiB 250 ms 200 ms 75%"
    assert cells(bare) == "article fp32 2 20 – – 300 0% – 100 ms – –"
    assert len(full) == len(titles)
    assert rest == [
        "Corpus starter; medians of 1 to 5 rounds and the IQR between them.",
        "Memory: what the first training steps of each combination take, in a process of its own.",
        "Floor: what a step's arithmetic and bytes take at least; "
        "copying: 20.0 GB/s, read and write counted.",
        "Step: the median; reached: the floor's share of the mean.",
        "A processor, 2 cores, 2 threads, torch 2.13.0, load 0.25 before and 1.50 after.",
        "Left out, a thing: a reason.",
    ]


def test_the_text_of_one_broken_off() -> None:
    report = dataclasses.replace(
        bench_report(), complete=False, rows=bench_report().rows[1:], copy_rate_bytes=None
    )
    assert bench_text(report).endswith("Broken off: this is what was measured until then.")
    assert rounds_words(report) == "one round"
    fewer = dataclasses.replace(bench_report().rows[0], rounds=4)
    assert rounds_words(dataclasses.replace(report, rows=(*bench_report().rows[:1], fewer))) == (
        "medians of 4 to 5 rounds and the IQR between them"
    )
    assert copy_words(report) == "copying: not measured"


def test_a_machine_whose_end_is_not_known() -> None:
    line = machine_line(MACHINE | {"threads": 1, "load_after": None})
    assert line == "A processor, 2 cores, 1 thread, torch 2.13.0, load 0.25 before."


@pytest.mark.parametrize(
    ("others", "told"),
    [
        (1.25, ["Measured on a busy machine: other programs took 1.2 of 2 processor cores."]),
        (0.1, []),
        (None, []),
    ],
)
def test_a_busy_machine_is_told(others: float | None, told: list[str]) -> None:
    machine = MACHINE | {"other_load_cores": others}
    report = dataclasses.replace(bench_report(), machine=machine)
    assert doubts(report) == told
    assert all(line in bench_text(report).splitlines() for line in told)
    del machine["other_load_cores"]  # as in a file of an earlier version
    assert doubts(report) == []


def test_memory_is_named_for_what_it_is() -> None:
    assert memory_words("cuda:0") == "torch's peak of each model"
    assert "process of its own" in memory_words("cpu")
