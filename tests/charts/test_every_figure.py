"""What every figure has: a title, units on its axes, a text alternative, colours that are seen."""

import importlib
import json
import pkgutil

import plotly.graph_objects as go
import pytest

from s2s import charts
from s2s.charts.frame import GREY, PALETTE
from tests.charts.examples import examples

EXAMPLES = examples()
BACKGROUNDS = ("#ffffff", "#10151c")
"""Light and dark, of .streamlit/config.toml."""


def luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour, 0 to 1 (WCAG 2.2)."""
    parts = [each / 255 for each in bytes.fromhex(colour.removeprefix("#"))]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_no_figure_is_left_out() -> None:
    modules = [
        importlib.import_module(f"s2s.charts.{each.name}")
        for each in pkgutil.iter_modules(charts.__path__)
    ]
    made = {name for module in modules for name in vars(module) if name.endswith("_figure")}
    assert made == EXAMPLES.keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_figure_can_be_read(name: str) -> None:
    figure, text = EXAMPLES[name]
    json.dumps(figure, allow_nan=False)
    go.Figure(figure)
    assert figure["layout"]["title"]["text"]
    axes = {key: each for key, each in figure["layout"].items() if key[1:5] == "axis"}
    assert len(axes) >= 2
    for axis in axes.values():  # a category's ticks say what it is
        assert axis["title"]["text"] or axis["type"] == "category"
        assert axis["automargin"]
    assert any(character.isdigit() for character in text)
    assert text.endswith(".")


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("colour", [*PALETTE, GREY])
def test_colours_are_seen_in_light_and_dark(colour: str, background: str) -> None:
    """3 to 1 is asked of graphics (WCAG 2.2, 1.4.11)."""
    assert contrast(colour, background) >= 3
