"""Text of files and users in places where Streamlit would read Markdown, LaTeX or an image."""

import re

_MARKS = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|$~:@^=&])")
_WOULD_JOIN = re.compile(r"(?<=:)(?=[\w/])|(?<=[<>=~-])(?=[<>=~-])|(?=@)|(?<=www)(?=\.)", re.I)
_APART = "\0"
_NOTHING = ":gray[]"
"""Ends a piece of text and shows nothing: addresses, icons and arrows are looked for in each piece
after the escapes were taken away, so that escapes alone do not help against them."""


def inert(text: object) -> str:
    """The text as Markdown that shows it as it is, on one line."""
    line = " ".join(str(text).replace(_APART, " ").split())
    return _MARKS.sub(r"\\\1", _WOULD_JOIN.sub(_APART, line)).replace(_APART, _NOTHING)
