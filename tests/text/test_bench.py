"""A bench as a table and sentences."""

import dataclasses

from s2s.text.bench import build_bench_row, format_bench, list_bench_notes
from tests.golden_text import check_golden
from tests.plausible import MACHINE, bench_report


def test_columns_of_the_page() -> None:
    full, bare = map(build_bench_row, bench_report().rows)
    assert full == {
        "Engine": "fused",
        "Precision": "fp32",
        "Batch size": 512,
        "Samples/s": 2000.0,
        "IQR of rounds": 0.15,
        "Timing variation": "noisy",
        "Real tokens/s": 30_000.0,
        "Padding ratio": 0.5,
        "Memory (MiB)": 64.0,
        "Step (ms)": 250.0,
        "Roofline (ms)": 200.0,
        "Share of roofline": 0.75,
    }
    gaps = {"IQR of rounds", "Timing variation", "Memory (MiB)", "Roofline (ms)"}
    gaps.add("Share of roofline")
    assert {title for title, value in bare.items() if value is None} == gaps
    assert bare["Padding ratio"] == 0.0


def test_golden_text() -> None:
    report = bench_report()
    full, bare = report.rows
    gpu = MACHINE | {"device": "cuda:0", "device_name": "A GPU", "threads": 1, "load_after": None}
    shared = MACHINE | {"other_load_cores": 1.25}
    changed = {
        "complete": report,
        "interrupted in the first round, no copy rate": dataclasses.replace(
            report, complete=False, rows=(bare,), copy_rate_bytes=None, notes=()
        ),
        "on a GPU, some rounds out of memory": dataclasses.replace(
            report, machine=gpu, rows=(full, dataclasses.replace(full, rounds=4))
        ),
        "beside other programs": dataclasses.replace(report, machine=shared),
    }
    for cores in (0.1, None):
        quiet = dataclasses.replace(report, machine=MACHINE | {"other_load_cores": cores})
        assert list_bench_notes(quiet) == list_bench_notes(report)
    check_golden("bench", {case: format_bench(each) for case, each in changed.items()})
