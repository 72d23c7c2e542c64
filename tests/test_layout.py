"""The layout's limits: file sizes, folder sizes, no script directly in `pages/`; the README."""

import argparse
import re
from collections import Counter
from pathlib import Path

from s2s.cli.main import build_parser

ROOT = Path(__file__).parents[1]
SOURCES = [*(ROOT / "s2s").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]
MIN_LINES, MAX_LINES, MAX_FILES = 30, 400, 14
SHORT_FOR_A_REASON = {"s2s/__main__.py": "`python -m s2s`"}


def test_no_file_is_short_without_a_reason_or_too_long() -> None:
    offenders = {}
    for path in SOURCES:
        name = path.relative_to(ROOT).as_posix()
        lines = len(path.read_text(encoding="utf-8").splitlines())
        is_short = lines < MIN_LINES and path.name != "__init__.py"
        if lines > MAX_LINES or (is_short and name not in SHORT_FOR_A_REASON):
            offenders[name] = lines
    assert not offenders


def test_no_folder_holds_too_many_files() -> None:
    counts = Counter(path.parent.relative_to(ROOT).as_posix() for path in SOURCES)
    assert not {folder: count for folder, count in counts.items() if count > MAX_FILES}


def test_streamlit_finds_no_page_by_itself() -> None:
    """A script directly in `pages/` would be served without `dashboard.py`."""
    assert not [*(ROOT / "pages").glob("*.py")]


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    actions = build_parser()._actions
    [commands] = [each for each in actions if isinstance(each, argparse._SubParsersAction)]
    named = {each for each in commands.choices if re.search(rf"`python -m s2s {each}\b", readme)}
    assert named == set(commands.choices)
