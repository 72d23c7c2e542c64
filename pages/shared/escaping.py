"""Escaping of text from users, files and addresses.

Streamlit reads most text as Markdown.
"""

import re

_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|$~:@^=&])")
"""Characters that a backslash makes literal: Markdown, HTML, LaTeX, icons and colors."""
_SEAMS = re.compile(r"(?<=:)(?=[\w/])|(?<=[<>=~-])(?=[<>=~-])|(?=@)|(?<=www)(?=\.)", re.I)
"""Where Streamlit would find an address, an icon or an arrow.

It looks for them in each piece of text after it has removed the backslashes, so backslashes alone
do not help: the text is split there by an empty directive.
"""
_PLACEHOLDER = "\0"  # stands for the directive while the markup is escaped
_EMPTY_DIRECTIVE = ":gray[]"


def escape(text: object) -> str:
    """Return Markdown that shows `str(text)` literally and on one line.

    Args:
        text: Anything, including hostile text: Markdown, HTML, LaTeX, addresses, icons.

    Returns:
        Text for `st.markdown`, `st.caption`, `st.error`, `st.table` and the like. Elements that
        show plain text (`st.text`, `st.dataframe`, widget values) must not be escaped.
    """
    line = " ".join(str(text).replace(_PLACEHOLDER, " ").split())
    escaped = _MARKUP.sub(r"\\\1", _SEAMS.sub(_PLACEHOLDER, line))
    return escaped.replace(_PLACEHOLDER, _EMPTY_DIRECTIVE)
