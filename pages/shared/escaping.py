"""Escaping of text from users, files and URLs.

Streamlit reads most text as Markdown.
"""

import re

_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|$~:@^=&])")
"""Characters of Markdown, HTML, LaTeX, icons and colors. A backslash makes each literal."""
_SPLIT_POINTS = re.compile(r"(?<=:)(?=[\w/])|(?<=[<>=~-])(?=[<>=~-])|(?=@)|(?<=www)(?=\.)", re.I)
"""Points at which to split text that Streamlit would turn into a link, an icon or an arrow.

Streamlit searches for these after removing the backslashes, so escaping does not stop it. An empty
directive at each point does, because Streamlit searches each piece of text separately.
"""
_PLACEHOLDER = "\0"  # stands for the directive while the markup is escaped
_EMPTY_DIRECTIVE = ":gray[]"


def escape(text: object) -> str:
    """Return Markdown that shows `str(text)` literally and on one line.

    Args:
        text: Anything, including hostile text: Markdown, HTML, LaTeX, URLs, icons.

    Returns:
        Text for `st.markdown`, `st.caption`, `st.error`, `st.table` and the like. Do not escape
        text for elements that show it unchanged (`st.text`, `st.dataframe`, widget values).
    """
    line = " ".join(str(text).replace(_PLACEHOLDER, " ").split())
    escaped = _MARKUP.sub(r"\\\1", _SPLIT_POINTS.sub(_PLACEHOLDER, line))
    return escaped.replace(_PLACEHOLDER, _EMPTY_DIRECTIVE)
