"""A bench as a table and sentences."""

from typing import Any

from s2s import formatting as words
from s2s.bench_records import BenchReport, BenchRow
from s2s.records import Interference
from s2s.text.run import describe_interference


def build_bench_row(row: BenchRow) -> dict[str, object]:
    """Return the row by column title, units in the titles; shares from 0 to 1."""
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
    """Return the table and the sentences below it."""
    titles = ["engine", "precision", "batch", "samples/s", "IQR", "variation", "tokens/s"]
    titles += ["padding", "memory", "step", "roofline", "share"]
    table = words.align_columns([titles, *map(_cells, report.rows)])
    return "\n".join([*table, *list_bench_notes(report)])


def list_bench_notes(report: BenchReport) -> list[str]:
    """Explain the table's columns, and describe what the figures depend on."""
    rate = report.copy_rate_bytes
    copying = "not measured" if rate is None else f"{rate / 1e9:.1f} GB/s, reads and writes"
    machine = report.machine
    load = Interference(machine.get("other_load_cores"), machine["cores"], (), None)
    memory = "peak of the first training steps in a separate process"
    if machine["device"].startswith("cuda"):
        memory = "torch's peak while the model trains"
    sentences = [
        f"Corpus {report.corpus}; {_describe_rounds(report)}.",
        f"Memory: {memory}.",
        f"Roofline: lower bound of a step's time (copying memory: {copying}).",
        "Step: median; share: roofline over the mean step.",
        _describe_machine(machine),
        describe_interference(load),
        *report.notes,
        "" if report.complete else "Interrupted: these are the figures until then.",
    ]
    return list(filter(None, sentences))


def _describe_machine(machine: dict[str, Any]) -> str:
    def count(number: int, noun: str) -> str:
        return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

    after = machine["load_after"]
    load = f"load {machine['load_before']:.2f} before"
    load += "" if after is None else f" and {after:.2f} after"
    return (
        f"{machine['device_name']}, {count(machine['cores'], 'core')}, "
        f"{count(machine['threads'], 'thread')}, torch {machine['torch']}, {load}."
    )


def _describe_rounds(report: BenchReport) -> str:
    counts = [row.rounds for row in report.rows]
    fewest, most = min(counts), max(counts)
    if most == 1:
        return "one round"
    rounds = f"{most}" if fewest == most else f"{fewest} to {most}"
    return f"medians of {rounds} rounds with their interquartile range (IQR)"


def _cells(row: BenchRow) -> list[str]:
    return [
        row.engine,
        row.precision,
        f"{row.batch_size:,}",
        words.format_rate(row.samples_per_second),
        _percent(_relative_iqr(row)),
        words.UNKNOWN if row.timing_variation is None else row.timing_variation,
        words.format_rate(row.tokens_per_second),
        _percent(row.padding_ratio),
        words.format_bytes(row.peak_memory_bytes),
        words.format_step_time(row.step_seconds),
        words.format_step_time(row.roofline_seconds),
        _percent(row.roofline_share),
    ]


def _relative_iqr(row: BenchRow) -> float | None:
    iqr, median = row.samples_per_second_iqr, row.samples_per_second
    return iqr / median if iqr is not None and median else None


def _percent(share: float | None) -> str:
    return words.UNKNOWN if share is None else words.format_percent(share)
