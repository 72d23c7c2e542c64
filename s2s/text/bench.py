"""Table and sentences of a bench report."""

from typing import Any

from s2s import formatting
from s2s.bench_report import BenchReport, BenchRow
from s2s.records import Interference
from s2s.text.run import describe_interference


def build_bench_row(row: BenchRow) -> dict[str, object]:
    """Return the cells of a row by column title. Ratios and shares are from 0 to 1."""
    return {
        "Engine": row.engine,
        "Precision": row.precision,
        "Batch size": row.batch_size,
        "Samples/s": row.samples_per_second,
        "IQR of rounds": _relative_iqr(row),
        "Timing variation": row.timing_variation,
        "Real tokens/s": row.tokens_per_second,
        "Padding ratio": row.padding_ratio,
        "Memory (MiB)": row.peak_memory_bytes and row.peak_memory_bytes / 2**20,
        "Step (ms)": row.step_seconds and 1000 * row.step_seconds,
        "Roofline (ms)": row.roofline_seconds and 1000 * row.roofline_seconds,
        "Share of roofline": row.roofline_share,
    }


def format_bench(report: BenchReport) -> str:
    """Return the table, with the sentences below it, for a terminal."""
    titles = ["engine", "precision", "batch", "samples/s", "IQR", "variation", "tokens/s"]
    titles += ["padding", "memory", "step", "roofline", "share"]
    table = formatting.align_columns([titles, *map(_format_cells, report.rows)])
    return "\n".join([*table, *list_bench_notes(report)])


def list_bench_notes(report: BenchReport) -> list[str]:
    """Return sentences on how the table was measured and what the results depend on."""
    rate = report.copy_rate_bytes
    copy_rate = "" if rate is None else f", if memory is copied at {rate / 1e9:.1f} GB/s"
    machine = report.machine
    load = Interference(machine.get("other_load_cores"), machine["cores"], (), None)
    counts = [row.rounds for row in report.rows]
    rounds = f"{min(counts)} to {max(counts)}" if min(counts) < max(counts) else str(counts[0])
    memory = "a separate process needs for its first training steps"
    if machine["device"].startswith("cuda"):
        memory = "torch allocates during training"
    sentences = [
        f"Corpus: {report.corpus}. Rounds: {rounds}. Rates and times are medians over rounds. "
        "IQR: interquartile range of samples/s, as a share of the median.",
        f"Memory: the most that {memory}.",
        f"Roofline: lower bound of the mean step's time{copy_rate}. Share: roofline divided by the "
        "measured time.",
        _describe_machine(machine),
        describe_interference(load),
        *report.notes,
        "" if report.complete else "Interrupted: these are the results so far.",
    ]
    return list(filter(None, sentences))


def _describe_machine(machine: dict[str, Any]) -> str:
    load = f"{machine['load_before']:.2f} before"
    if machine["load_after"] is not None:
        load += f", {machine['load_after']:.2f} after"
    return (
        f"{machine['device_name']}. Cores: {machine['cores']}. Threads: {machine['threads']}. "
        f"Torch: {machine['torch']}. Load average: {load}."
    )


def _format_cells(row: BenchRow) -> list[str]:
    return [
        row.engine,
        row.precision,
        f"{row.batch_size:,}",
        formatting.format_rate(row.samples_per_second),
        formatting.format_percent(_relative_iqr(row)),
        formatting.UNKNOWN if row.timing_variation is None else row.timing_variation,
        formatting.format_rate(row.tokens_per_second),
        formatting.format_percent(row.padding_ratio),
        formatting.format_bytes(row.peak_memory_bytes),
        formatting.format_step_time(row.step_seconds),
        formatting.format_step_time(row.roofline_seconds),
        formatting.format_percent(row.roofline_share),
    ]


def _relative_iqr(row: BenchRow) -> float | None:
    iqr, median = row.samples_per_second_iqr, row.samples_per_second
    return iqr / median if iqr is not None and median else None
