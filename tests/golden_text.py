"""Golden text: what users read, kept in one reviewed file per text module."""

import os
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).with_name("golden") / "text"


def format_row(row: Mapping[str, object]) -> str:
    """Return a line per title and value."""
    return "\n".join(f"{title}: {value}" for title, value in row.items())


def check_golden(name: str, cases: Mapping[str, str]) -> None:
    """Compare texts with `tests/golden/text/{name}.txt`; `make golden` rewrites the file.

    Args:
        name: The text module's name.
        cases: Text by the name of the case that produced it.
    """
    text = "\n".join(f"## {case}\n{each.rstrip()}\n" for case, each in cases.items())
    file = FOLDER / f"{name}.txt"
    if os.environ.get("S2S_GOLDEN"):
        FOLDER.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), "run `make golden` and review the diff"
