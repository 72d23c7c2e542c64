"""The table of a GPU benchmark's report."""

from collections.abc import Iterator
from typing import Any

_MIB = 2**20
_ROW = "{:>6} {:<9} {:<5} {:>12} {:>10} {:>9} {:>10} {:>9}"


def table(report: dict[str, Any]) -> str:
    """Return the report as text, a paragraph per section; what was not measured is a dash."""
    lines = [f"{report['device_name']}, torch {report['torch']}"]
    for name, section in report["sections"].items():
        lines += ["", f"{name}: {section['status']} after {section['seconds']:.0f} s"]
        lines += _PARAGRAPHS[name](report)
        lines += [f"  {row['note']}" for row in _rows(report, name) if row.get("note")]
        if section["status"] == "failed":
            lines += [f"  {line}" for line in section["error"].strip().splitlines()[-1:]]
    return "\n".join(lines)


def _rows(report: dict[str, Any], name: str, *fields: str) -> list[dict[str, Any]]:
    """Return the section's rows that have all of these fields."""
    rows = report["sections"].get(name, {}).get("rows", [])
    return [row for row in rows if all(field in row for field in fields)]


def _corpus(report: dict[str, Any]) -> Iterator[str]:
    for row in _rows(report, "corpus"):
        yield (
            f"  {row['corpus']}: {row['training_pairs']:,} training pairs, "
            f"{row['source_vocabulary']:,} and {row['target_vocabulary']:,} words"
        )


def _equality(report: dict[str, Any]) -> Iterator[str]:
    for row in _rows(report, "equality"):
        first, second = row["engines"]
        replayed = row["replayed_steps"]
        yield (
            f"  {first} {'equals' if row['equal'] else 'DIFFERS FROM'} {second}, {row['case']}: "
            f"losses of {row['steps']} float64 steps within "
            f"{row['largest_relative_difference']:.1e}"
            + ("" if replayed is None else f", {replayed} steps replayed")
        )
        yield from (f"    {note}" for note in row["notes"])


def _readings(report: dict[str, Any]) -> Iterator[str]:
    for row in _rows(report, "readings"):
        used, total = (_mib(row[f"memory_{kind}_bytes"]) for kind in ("used", "total"))
        yield (
            f"  {row['source']:<10} utilization {_share(row['utilization'])}, memory {used} of "
            f"{total} MiB, {_number(row['temperature_celsius'])} °C, {row['readings']} readings"
        )


def _speed(report: dict[str, Any]) -> Iterator[str]:
    plain = {
        (row["batch_size"], row["precision"]): row["samples_per_second"]
        for row in _rows(report, "plain", "samples_per_second")
    }
    rows = _rows(report, "speed", "samples_per_second")
    yield "  " + _ROW.format(
        "batch", "engine", "", "samples/s", "step ms", "roofline", "peak MiB", "to plain"
    )
    for row in rows:
        speed, other = row["samples_per_second"], plain.get((row["batch_size"], row["precision"]))
        yield "  " + _ROW.format(
            row["batch_size"],
            row["engine"],
            row["precision"],
            _number(speed),
            "–" if row["step_seconds"] is None else f"{1e3 * row['step_seconds']:.2f}",
            _share(row["roofline_share"]),
            _mib(row["peak_memory_bytes"]),
            f"{speed / other:.1f}×" if speed and other else "–",
        )


def _memory(report: dict[str, Any]) -> Iterator[str]:
    for row in _rows(report, "memory", "left_out_batch_size"):
        yield (
            f"  {row['engine']}, batch size {row['left_out_batch_size']:,} left out: predicted "
            f"{_mib(row['predicted_bytes'])} MiB, measured {_mib(row['measured_bytes'])} MiB "
            f"({row['relative_error']:+.1%})"
        )


def _plain(report: dict[str, Any]) -> Iterator[str]:
    for row in _rows(report, "plain", "samples_per_second"):
        yield (
            f"  batch {row['batch_size']}, {row['precision']}: "
            f"{_number(row['samples_per_second'])} samples/s on {row['device']}"
        )


def _tests(report: dict[str, Any]) -> Iterator[str]:
    yield from (f"  {row['summary']}" for row in _rows(report, "tests", "summary"))
    for row in _rows(report, "tests", "test"):
        if row["outcome"] in ("failed", "error"):
            yield f"  {row['outcome']}: {row['test']}"


_PARAGRAPHS = {
    "corpus": _corpus,
    "equality": _equality,
    "readings": _readings,
    "speed": _speed,
    "memory": _memory,
    "plain": _plain,
    "tests": _tests,
}


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _mib(value: float | None) -> str:
    return _number(None if value is None else value / _MIB)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"
