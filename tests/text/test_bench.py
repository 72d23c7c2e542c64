"""A bench as a table and sentences."""

import dataclasses

from s2s.text.bench import build_bench_row, format_bench, list_bench_notes
from tests.golden_text import check_golden, format_row
from tests.plausible import MACHINE, bench_report


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
    texts = {case: format_bench(each) for case, each in changed.items()}
    rows = {
        f"row on the page: {each.engine}": format_row(build_bench_row(each)) for each in report.rows
    }
    check_golden("bench", texts | rows)
