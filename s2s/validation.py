"""Validation of values from users and from files.

The check functions return the valid value, or raise a UserError whose message begins with `name`.
"""

import dataclasses
import functools
import re
import types
import typing
from contextlib import suppress
from enum import StrEnum
from typing import Any, TypeVar

from s2s.errors import UserError, quote

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")


def check_choice(kind: type[E], value: str, name: str) -> E:
    """Return the member of `kind` whose value is `value`."""
    try:
        return kind(value)
    except ValueError:
        names = ", ".join(member.value for member in kind)
        raise UserError(f"{name} must be one of {names}; got {quote(value)}.") from None


def check_integer(value: object, name: str, minimum: int, maximum: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        raise UserError(
            f"{name} must be an integer between {minimum:,} and {maximum:,}; got {quote(value)}."
        )
    return value


def check_number(
    value: object, name: str, minimum: float, maximum: float, *, exclude_minimum: bool = False
) -> float:
    valid = (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and minimum <= value <= maximum  # False for NaN
        and not (exclude_minimum and value == minimum)
    )
    if not valid:
        range_ = "above {:g} and at most {:g}" if exclude_minimum else "between {:g} and {:g}"
        allowed = range_.format(minimum, maximum)
        raise UserError(f"{name} must be a number {allowed}; got {quote(value)}.")
    return float(value)  # type: ignore[arg-type]


def check_bool(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise UserError(f"{name} must be true or false; got {quote(value)}.")
    return value


def check_text(value: object, name: str) -> str:
    """Check that `value` is a string that can be written as UTF-8."""
    # Python decodes command-line arguments that are not valid UTF-8 into lone surrogates.
    if not isinstance(value, str) or re.search("[\ud800-\udfff]", value):
        raise UserError(f"{name} must be a string of valid Unicode; got {quote(value)}.")
    return value


def parse_batch_sizes(text: str) -> list[int]:
    """Parse text such as `2, 32, 512` into batch sizes, in the given order, without repeats."""
    parts = re.split(r"[,;\s]+", text.strip(" ,;"))
    if not all(re.fullmatch("[0-9]{1,9}", part) for part in parts):
        raise UserError(f"Batch sizes must be integers such as 2, 32, 512; got {quote(text)}.")
    return list(dict.fromkeys(map(int, parts)))


def parse_dataclass(kind: type[T], values: Any) -> T:
    """Build a dataclass, and the dataclasses in it, from JSON.

    Keys that are not fields are ignored: a later version may have written them.

    Raises:
        TypeError: A value does not have the type of its field.
        UserError: `values` contains an invalid configuration.
    """
    if not isinstance(values, dict):
        raise TypeError(f"expected a JSON object, got {quote(values)}")
    hints = _type_hints(typing.cast(Any, kind))
    return kind(
        **{key: _parse(each, hints[key], key) for key, each in values.items() if key in hints}
    )


_type_hints = functools.cache(typing.get_type_hints)


def _parse(value: Any, hint: Any, name: str) -> Any:
    """Convert a JSON value to the type `hint`: lists to tuples, strings to enumeration members."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        for argument in arguments:
            with suppress(TypeError):
                return _parse(value, argument, name)
    elif origin is tuple and isinstance(value, list | tuple):
        item_hints = arguments[:1] * len(value) if arguments[-1] is ... else arguments
        if len(item_hints) == len(value):
            pairs = zip(value, item_hints, strict=True)
            return tuple(_parse(each, item_hint, name) for each, item_hint in pairs)
    elif origin is dict and isinstance(value, dict):
        return {key: _parse(each, arguments[1], name) for key, each in value.items()}
    elif dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return parse_dataclass(typing.cast(Any, hint), value)
    elif isinstance(hint, type) and issubclass(hint, StrEnum):
        if value in list(hint):
            return hint(value)
    elif hint is Any or (
        isinstance(value, int | float if hint is float else origin or hint)
        and isinstance(value, bool) is (hint is bool)  # Python counts a bool as an int
    ):
        return value
    raise TypeError(f"{name} has the wrong type: {quote(value)}")
