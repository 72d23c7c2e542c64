"""UserError, and functions that escape and quote text for its messages."""

from collections.abc import Callable

_MAX_QUOTE_LENGTH = 80
_ALLOWED_CHARACTERS = "\u00a0\u202f\u200c\u200d"
"""Harmless unprintable characters: spaces of French, and joiners of Persian, Hindi and emoji."""


class UserError(Exception):
    """A problem that the user can fix; its message says what is wrong and what to do.

    The message is one line; characters that could control a terminal are escaped.
    """

    def __init__(self, message: str) -> None:
        super().__init__(escape_unprintable(message))


def escape_unprintable(
    text: str,
    allowed: str = "",
    escape: Callable[[str], str] = lambda character: repr(character)[1:-1],
) -> str:
    """Escape the characters that could control a terminal.

    Args:
        allowed: Unprintable characters to keep besides `_ALLOWED_CHARACTERS`.
        escape: Returns the printable form of a character; by default its Python escape sequence.
    """
    allowed += _ALLOWED_CHARACTERS
    return "".join(
        character if character.isprintable() or character in allowed else escape(character)
        for character in text
    )


def quote(value: object) -> str:
    """Return the value's `repr`, shortened for a message."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, nested lists
        return f"a value of type {type(value).__name__} that is too long to show"
    return shorten(text, _MAX_QUOTE_LENGTH)


def shorten(text: str, length: int = 90) -> str:
    """Cut the text to at most `length` characters, ending in an ellipsis if cut."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"
