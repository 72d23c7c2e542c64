"""The diagram in docs/architecture.md is that of the code."""

from tools.imports import ARCHITECTURE, with_diagram


def test_the_diagram_is_up_to_date() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    assert with_diagram(text) == text, "run `python -m tools.imports`"
