"""Checks of values that users and files give."""

import functools
import re
import types
import typing
from enum import StrEnum
from typing import Any, TypeVar

from s2s.errors import UserError, quote

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")


def check_choice(kind: type[E], value: str, name: str) -> E:
    """Return the member of an enumeration that `value` names.

    Args:
        name: Name of the value in the message, first letter upper case. So in all checks here.

    Raises:
        UserError: There is no such member.
    """
    try:
        return kind(value)
    except ValueError:
        names = ", ".join(member.value for member in kind)
        raise UserError(f"{name} must be one of {names}; got {quote(value)}.") from None


def check_integer(value: object, name: str, minimum: int, maximum: int) -> int:
    """Return `value` if it is an integer in the range; raise UserError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        raise UserError(
            f"{name} must be an integer between {minimum:,} and {maximum:,}; got {quote(value)}."
        )
    return value


def check_number(
    value: object, name: str, minimum: float, maximum: float, *, exclude_minimum: bool = False
) -> float:
    """Return `value` as a float if it is a number in the range; raise UserError otherwise."""
    valid = (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and minimum <= value <= maximum  # False for NaN
        and not (exclude_minimum and value == minimum)
    )
    if not valid:
        allowed = (
            f"above {minimum:g} and at most {maximum:g}"
            if exclude_minimum
            else f"between {minimum:g} and {maximum:g}"
        )
        raise UserError(f"{name} must be a number {allowed}; got {quote(value)}.")
    return float(value)  # type: ignore[arg-type]


def check_bool(value: object, name: str) -> bool:
    """Return `value` if it is a Boolean; raise UserError otherwise."""
    if not isinstance(value, bool):
        raise UserError(f"{name} must be true or false; got {quote(value)}.")
    return value


def check_text(value: object, name: str) -> str:
    """Return `value` if it is a string that can be written as UTF-8; raise UserError otherwise."""
    # Bytes that are not UTF-8 reach the command line as lone surrogates.
    if not isinstance(value, str) or re.search("[\ud800-\udfff]", value):
        raise UserError(f"{name} must be a string of valid Unicode; got {quote(value)}.")
    return value


def parse_batch_sizes(text: str) -> list[int]:
    """Return the batch sizes in a text such as `2, 32, 512`, in order and once each.

    Raises:
        UserError: The text names none, or something else.
    """
    parts = re.split(r"[,;\s]+", text.strip(" ,;"))
    if not all(re.fullmatch("[0-9]{1,9}", part) for part in parts):
        raise UserError(f"Batch sizes must be integers such as 2, 32, 512; got {quote(text)}.")
    return list(dict.fromkeys(map(int, parts)))


def parse_dataclass(kind: type[T], values: Any) -> T:
    """Build a dataclass from its JSON; unknown names, from a later version, are dropped.

    Raises:
        TypeError: A value has another type than its field; so ValueError.
    """
    if not isinstance(values, dict):
        raise TypeError(f"expected a JSON object, got {quote(values)}")
    cached: Any = kind
    hints = _type_hints(cached)
    fields = {name: value for name, value in values.items() if name in hints}
    for name, value in fields.items():
        if not _matches(value, hints[name]):
            raise TypeError(f"{name} is {quote(value)}")
    return kind(**fields)


@functools.cache
def _type_hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _matches(value: Any, hint: Any) -> bool:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return any(_matches(value, argument) for argument in arguments)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if origin is dict:
        return isinstance(value, dict) and all(
            _matches(each, arguments[1]) for each in value.values()
        )
    if origin is tuple and arguments[-1] is ...:
        return isinstance(value, tuple | list) and all(
            _matches(each, arguments[0]) for each in value
        )
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return value in list(hint)
    return hint is Any or isinstance(value, origin or hint)
