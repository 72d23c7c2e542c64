"""Text of files and users in places where Streamlit would read Markdown, LaTeX or an image."""

import re

_MARKS = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|$~:@^=&])")


def inert(text: object) -> str:
    """The text as Markdown that shows it as it is, on one line."""
    return _MARKS.sub(r"\\\1", " ".join(str(text).split()))
