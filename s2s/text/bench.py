"""What a bench found, as rows for a page and as lines for a terminal."""

from typing import Any

from s2s import formatting as words
from s2s.analysis.run.interference import busy_with_others
from s2s.records import BenchReport, BenchRow


def page_row(row: BenchRow) -> dict[str, object]:
    """Column titles with their units; shares from 0 to 1, None where not measured."""
    spread = row.samples_per_second_iqr
    return {
        "Engine": row.engine,
        "Precision": row.precision,
        "Batch size": row.batch_size,
        "Samples/s": row.samples_per_second,
        "IQR of rounds": spread and row.samples_per_second and spread / row.samples_per_second,
        "Noise": row.timing_variation,
        "Real tokens/s": row.tokens_per_second,
        "Padded": row.padding_ratio,
        "Memory (MiB)": row.peak_memory_bytes and row.peak_memory_bytes / 2**20,
        "Step (ms)": _milliseconds(row.step_seconds),
        "Floor (ms)": _milliseconds(row.roofline_seconds),
        "Floor reached": row.roofline_share,
    }


def bench_text(report: BenchReport) -> str:
    """The table, what stands behind it, and the machine."""
    broken_off = [] if report.complete else ["Broken off: this is what was measured until then."]
    titles = ["engine", "", "batch", "samples/s", "IQR", "noise", "tokens/s", "padded", "memory"]
    titles += ["step", "floor", "reached"]
    return "\n".join(
        [
            *aligned([titles, *map(_cells, report.rows)]),
            f"Corpus {report.corpus}; {rounds_words(report)}.",
            f"Memory: {memory_words(report.machine['device'])}.",
            f"Floor: what a step's arithmetic and bytes take at least; {copy_words(report)}.",
            "Step: the median; reached: the floor's share of the mean.",
            machine_line(report.machine),
            *doubts(report),
            *report.notes,
            *broken_off,
        ]
    )


def doubts(report: BenchReport) -> list[str]:
    """What others took of the processor, where that was not little."""
    busy = busy_with_others(report.machine.get("other_load_cores"), report.machine["cores"])
    return [busy] if busy else []


def machine_line(machine: dict[str, Any]) -> str:
    """Processor or GPU, cores, threads, torch, and how busy it was."""
    after = machine["load_after"]
    loads = f"load {machine['load_before']:.2f} before"
    loads += "" if after is None else f" and {after:.2f} after"
    return (
        f"{machine['device_name']}, {counted(machine['cores'], 'core')}, "
        f"{counted(machine['threads'], 'thread')}, torch {machine['torch']}, {loads}."
    )


def counted(number: int, thing: str) -> str:
    """`1 core`, `2 cores`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def memory_words(device: str) -> str:
    """What the memory of a bench means on this device."""
    return (
        "torch's peak of each model"
        if device.startswith("cuda")
        else "what the first training steps of each combination take, in a process of its own"
    )


def rounds_words(report: BenchReport) -> str:
    """What the figures are medians of."""
    fewest, most = (choose(row.rounds for row in report.rows) for choose in (min, max))
    if most == 1:
        return "one round"
    rounds = f"{most}" if fewest == most else f"{fewest} to {most}"
    return f"medians of {rounds} rounds and the IQR between them"


def copy_words(report: BenchReport) -> str:
    """How fast memory is."""
    rate = report.copy_rate_bytes
    figure = "not measured" if rate is None else f"{rate / 1e9:.1f} GB/s, read and write counted"
    return f"copying: {figure}"


def _cells(row: BenchRow) -> list[str]:
    shown = page_row(row)
    return [
        row.engine,
        row.precision,
        f"{row.batch_size:,}",
        words.format_rate(row.samples_per_second),
        _percent(shown["IQR of rounds"]),
        words.UNKNOWN if row.timing_variation is None else row.timing_variation,
        words.format_rate(row.tokens_per_second),
        _percent(row.padding_ratio),
        words.format_bytes(row.peak_memory_bytes),
        words.format_step_time(row.step_seconds),
        words.format_step_time(row.roofline_seconds),
        _percent(row.roofline_share),
    ]


def aligned(table: list[list[str]]) -> list[str]:
    """Words to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    texts = ("engine", "", "noise", "state")
    left = {index for index, title in enumerate(table[0]) if title in texts}
    return [
        "  ".join(
            cell.ljust(width) if index in left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in table
    ]


def _percent(share: object) -> str:
    return f"{share:.0%}" if isinstance(share, int | float) else words.UNKNOWN


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds
