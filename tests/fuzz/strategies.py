"""Invalid input: hostile texts, any JSON, and damaged forms of valid bytes."""

import functools
import os
from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

_FACTOR = int(os.environ.get("S2S_FUZZ_FACTOR", "0"))
"""0: few examples, the same each time; otherwise that many times as many, at random."""

HOSTILE_TEXTS = (
    "", " ", "\0", "a\0b", "\n", "a\nb", "\r\n", "\t", "\x1b[31m", "\x7f", "\ufeff", "\u2028",
    "\u2029", "\x85", "\x0b", "\x1c", "\u202e.txt", "\u200b", "\u200f", "\ud800", "a\udcff",
    "İ", "ß", "ﬁ", "e\u0301" * 9, "\u0301", "a" + "\u0301" * 300, "𝕳", "👩\u200d👧", "שלום",
    "مرحبا", "日本語", "नमस्ते", "'", '"', "`", "'; DROP TABLE runs; --", "<script>alert(1)</script>",
    "$x$", "%s", "%n", "{0}", "{config}", "${HOME}", "$(id)", "|id", "../../x", "..", ".", "/",
    "/etc/passwd", "C:\\x", "\\\\host\\x", "~", "~nobody-here", "~root/x", "CON", "-", "--",
    "--help", "-1", "0", "1e999", "nan", "inf", "1_000", "٣", "²", "true", "null", "None", "[]",
    "{}", "x" * 5000, "é" * 300,
)  # fmt: skip
hostile_text = st.one_of(
    st.sampled_from(HOSTILE_TEXTS),
    st.text(st.characters(), max_size=20),
    st.lists(st.sampled_from(HOSTILE_TEXTS), min_size=2, max_size=4).map("".join),
)
_NUMBERS = (
    0, -1, 1, 2, 7, True, False, 2**31, 2**63, -(2**63), 10**30, 10**400, 0.0, -0.0, 0.5, 1.5, -1.0,
    1e-320, 1e308, float("nan"), float("inf"), float("-inf"),
)  # fmt: skip
number = st.one_of(st.sampled_from(_NUMBERS), st.integers(), st.floats())


def _deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


any_json = st.recursive(
    st.one_of(st.none(), st.booleans(), number, hostile_text),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(hostile_text, inner, max_size=4)
    ),
    max_leaves=6,
) | st.sampled_from(["x" * 10**6, _deep(200), [0] * 10_000, {"": ""}])
"""A value of any type that JSON can contain."""


example_count = 0


def fuzz(examples: int) -> Callable[[Any], Any]:
    """Configure a test under `given`: the number of examples in `make test`."""

    def decorate(test: Any) -> Any:
        inner = test.hypothesis.inner_test

        @functools.wraps(inner)
        def count(*arguments: Any, **named: Any) -> None:
            global example_count
            example_count += 1
            inner(*arguments, **named)

        test.hypothesis.inner_test = count
        return settings(
            max_examples=examples * max(_FACTOR, 1),
            derandomize=not _FACTOR,
            database=None,
            deadline=None,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.generate, Phase.shrink],
            report_multiple_bugs=False,
        )(test)

    return decorate


@st.composite
def mutated(draw: st.DrawFn, valid: bytes, splices: Iterable[bytes] = ()) -> bytes:
    """Draw `valid` after one to four random changes; `splices` are inserted in some."""
    data = bytearray(valid)
    pieces = [b"", b"\0" * 9, b"\xff" * 9, b"\n", b"\t", *splices]
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 64)))
        match draw(st.sampled_from(("cut", "flip", "repeat", "splice"))):
            case "cut":
                del data[start:]
            case "flip" if start < len(data):
                data[start] ^= draw(st.integers(1, 255))
            case "repeat":
                data[end:end] = data[start:end] * draw(st.sampled_from((1, 3, 200)))
            case "splice":  # an empty piece deletes
                data[start:end] = draw(st.sampled_from(pieces) | st.binary(max_size=12))
    return bytes(data)


@st.composite
def mutated_json(draw: st.DrawFn, valid: Any) -> Any:
    """Draw a JSON value with one to three values, at any depth, replaced or removed."""
    for _ in range(draw(st.integers(1, 3))):
        valid = _change(draw, valid)
    return valid


def _change(draw: st.DrawFn, value: Any) -> Any:
    """Return a copy with one change."""
    if not value or not isinstance(value, dict | list) or draw(st.integers(0, 9)) == 0:
        return draw(any_json)
    keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = keys[draw(st.integers(0, len(keys) - 1))]
    copy = value.copy()
    if draw(st.integers(0, 9)) == 0:
        del copy[key]
    else:
        copy[key] = _change(draw, value[key])
    return copy
