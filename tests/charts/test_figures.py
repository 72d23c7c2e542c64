"""Figures that Plotly and a browser accept, with titles, units, gaps and visible colors."""

import itertools
import json
import math
import re
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as some

from s2s import charts
from s2s.analysis.compare.groups import Bar, Group
from s2s.analysis.compare.lines import Band, RunLine, build_loss_line
from s2s.analysis.estimate import Estimate
from s2s.analysis.run.anatomy import fit_run_anatomies
from s2s.analysis.run.readings import ReadingSeries
from s2s.analysis.run.steps import Axis, Curve, LossScale
from s2s.analysis.sweep.memory import MemoryPoint, fit_memory
from s2s.analysis.sweep.runs import SizeMedian
from s2s.analysis.sweep.throughput import fit_speed_curve
from s2s.charts import frame
from s2s.charts.advice import plot_steps_to_target
from s2s.charts.bars import plot_anatomy, plot_bars, plot_step_parts
from s2s.charts.curves import plot_loss, plot_readings
from s2s.charts.frame import GRAY, PALETTE, Figure, assign_colors, build_batch_size_axis
from s2s.charts.sweep import plot_memory, plot_padding, plot_speed_curves
from s2s.formatting import format_bytes
from s2s.text.charts import describe_loss, describe_readings
from tests.charts import examples
from tests.charts.examples import SIZES, step_anatomy
from tests.golden_text import check_golden
from tests.plausible import MIB, RUN, evaluation, some_steps

EXAMPLES = {name: figure for name, (figure, _) in examples.examples().items()}
BACKGROUNDS = ("#ffffff", "#10151c")
"""Light and dark, of .streamlit/config.toml."""


def legend(figure: Figure) -> list[str]:
    return [trace["name"] for trace in figure["data"] if trace.get("showlegend", True)]


def lines(count: int = 1) -> list[RunLine]:
    evaluations = [evaluation(0, 8.0), evaluation(30, 6.0)]
    line = build_loss_line(RUN, some_steps(30, 32), evaluations, Axis.ITERATIONS, LossScale.TOKEN)
    return [RunLine(i, 2**i, f"{i} · run", line.curve, line.validation) for i in range(count)]


def test_every_figure_has_an_example() -> None:
    sources = [path.read_text("utf-8") for path in Path(charts.__path__[0]).glob("*.py")]
    assert set(re.findall(r"^def (plot_\w+)", "\n".join(sources), re.M)) == EXAMPLES.keys()


def test_golden_descriptions() -> None:
    """Descriptions for screen readers."""
    descriptions = {name: text for name, (_, text) in examples.examples().items()}
    descriptions["loss without runs"] = describe_loss([], Axis.SAMPLES, LossScale.TOKEN)
    descriptions["readings without devices"] = describe_readings([])
    check_golden("charts", descriptions)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_figure_can_be_read(name: str) -> None:
    figure = EXAMPLES[name]
    json.dumps(figure, allow_nan=False)
    go.Figure(figure)
    assert figure["layout"]["title"]["text"]
    axes = {key: each for key, each in figure["layout"].items() if key[1:5] == "axis"}
    assert len(axes) >= 2
    for axis in axes.values():  # the ticks of categories name them
        assert axis["title"]["text"] or axis["type"] == "category"
    if name == "plot_throughput":
        assert figure["layout"]["yaxis"]["rangemode"] == "tozero"


@pytest.mark.parametrize(
    "figure",
    [
        plot_loss([], Axis.ITERATIONS, LossScale.SENTENCE, log_x=True, log_y=True),
        plot_readings([]),
        plot_bars([], "Throughput", "samples/s", str),
        plot_speed_curves([fit_speed_curve("fused", {2: [1.0]}), fit_speed_curve("article", {})]),
        plot_memory(fit_memory([])),
        plot_padding({"fused": ()}),
        plot_steps_to_target(examples.target_points()[:1], None),
        plot_anatomy([step_anatomy(2)], None),
    ],
)
def test_a_figure_of_little_or_no_data(figure: Figure) -> None:
    json.dumps(figure, allow_nan=False)
    go.Figure(figure)


def luminance(color: str) -> float:
    """Relative luminance of an sRGB color, 0 to 1 (WCAG 2.2)."""
    parts = [each / 255 for each in bytes.fromhex(color.removeprefix("#"))]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_colors_are_visible_in_light_and_dark(background: str) -> None:
    """WCAG 2.2, 1.4.11 requires a contrast of 3 to 1 for graphics."""
    for color in (*PALETTE, GRAY):
        dark, light = sorted((luminance(color), luminance(background)))
        assert (light + 0.05) / (dark + 0.05) >= 3


@given(some.dictionaries(some.integers(1, 99), some.integers(1, 4096), max_size=len(PALETTE)))
def test_runs_have_colors_of_their_own_and_batch_sizes_keep_theirs(runs: dict[int, int]) -> None:
    colors = assign_colors(list(runs.items()))
    assert len(set(colors)) == len(runs)
    assert colors == assign_colors(list(runs.items())[::-1])[::-1]
    assert assign_colors([(1, 2), (2, 32)]) == assign_colors([(8, 2), (5, 32)])
    assert len(assign_colors([(i, 32) for i in range(20)])) == 20


def test_numbers_labels_and_ticks() -> None:
    assert frame.round_values([1.0, math.nan, math.inf, 123456.7]) == [1.0, None, None, 123460.0]
    label = "9 · " + "a long name of a <run> " * 3
    assert frame.wrap_label(label) == "9 · a long name of a<br>&lt;run&gt; a long name of …"
    # A twelfth of the axis is a factor of 30 ** (1 / 12) = 1.33.
    axis = build_batch_size_axis(range(1, 31))
    assert axis["tickvals"] == [1, 2, 3, 4, 6, 8, 11, 15, 20, 27]
    assert build_batch_size_axis([2048, 2, 8, 2])["ticktext"] == ["2", "8", "2,048"]


def test_one_run_names_its_lines_and_several_name_their_runs() -> None:
    alone = plot_loss(lines(), Axis.ITERATIONS, LossScale.TOKEN)
    assert legend(alone) == ["each step", "smoothed", "validation"]
    several = plot_loss(lines(3), Axis.ITERATIONS, LossScale.TOKEN)
    assert legend(several) == ["0 · run", "1 · run", "2 · run"]


def test_a_logarithmic_axis_leaves_out_the_evaluation_at_zero() -> None:
    for log_x, places in ((False, [0, 30]), (True, [30])):
        figure = plot_loss(lines(), Axis.ITERATIONS, LossScale.TOKEN, log_x=log_x)
        (validation,) = [each for each in figure["data"] if each["name"] == "validation"]
        assert validation["x"] == places
        assert len(validation["y"]) == len(places)


def test_zoom_stays_until_the_view_changes() -> None:
    revisions = []
    for scale, log_y in itertools.product(LossScale, (False, False, True)):
        figure = plot_loss(lines(), Axis.ITERATIONS, scale, log_y=log_y, revision="7")
        revisions.append(figure["layout"]["uirevision"])
    assert len(set(revisions)) == 2 * len(LossScale)


def test_a_divergence_is_marked() -> None:
    x, y = np.array([1.0, 2.0]), np.array([3.0, math.nan])
    line = RunLine(1, 2, "1 · hot", Curve(x, y, y))
    figure = plot_loss([line], Axis.ITERATIONS, LossScale.TOKEN)
    [mark] = [trace for trace in figure["data"] if trace["mode"] == "markers"]
    assert (mark["x"], mark["y"]) == ([2.0], [3.0])


def test_repeats_are_a_line_in_a_band() -> None:
    x, y = np.array([1.0, 2.0]), np.array([3.0, 2.0])
    line = RunLine(1, 2, "1, 2 · <run>", Curve(x, y, y), None, Band(x, y - 1, y + 1))
    several = plot_loss([line, *lines()], Axis.ITERATIONS, LossScale.TOKEN)
    band, mean = several["data"][:2]
    assert (band["x"], band["y"]) == ([1, 2, 2, 1], [2, 1, 3, 4])
    assert (band["fill"], band["fillcolor"]) == ("toself", "rgba(214, 122, 26, 0.2)")
    assert band["legendgroup"] == mean["legendgroup"]
    assert legend(several) == ["1, 2 · &lt;run&gt;", "0 · run"]
    assert len(legend(plot_loss([line], Axis.ITERATIONS, LossScale.TOKEN))) == 2


def test_readings_keep_their_gaps() -> None:
    nan, one = math.nan, np.ones(1)
    memory = np.array([2.0**30, nan, 2.0**31])
    cpu = ReadingSeries("cpu", np.arange(3.0), memory, np.full(3, nan), np.array([0.5, nan, 0.0]))
    memory_trace, utilization = plot_readings([cpu])["data"]
    assert memory_trace["y"] == [1.0, None, 2.0]
    assert utilization["y"] == [50.0, None, 0.0]
    assert not memory_trace["connectgaps"]
    gpu = ReadingSeries("cuda:0", one, one, one, one)
    assert len(legend(plot_readings([gpu]))) == 2  # with torch's own


def test_bars_have_ranges_and_warnings_and_unknown_values_none() -> None:
    group = Group((RUN,))
    bars = [Bar(group, Estimate(2.0 * MIB, 0.0, 4.0 * MIB)), Bar(group, None)]
    warnings = ["odd", ""]
    figure = plot_bars(bars, "Peak memory", "MiB", format_bytes, scale=1 / MIB, warnings=warnings)
    drawn, labels = figure["data"]
    assert drawn["x"] == [2.0, None]
    assert drawn["error_x"]["array"] == drawn["error_x"]["arrayminus"] == [2.0, None]
    assert drawn["customdata"] == ["2 MiB<br>0 MiB to 4 MiB<br>odd", "–"]
    assert (labels["x"], labels["text"]) == ([4.0, 0.0], [" 2 MiB ⚠", " –"])


@pytest.mark.parametrize("shares", [False, True])
def test_the_fixed_part_comes_first_and_is_hatched(shares: bool) -> None:
    runs = [step_anatomy(2), step_anatomy(32)]
    figure = plot_anatomy(runs, fit_run_anatomies(runs), as_shares=shares)
    bars = [trace for trace in figure["data"] if trace["type"] == "bar"]
    fixed, growing, hint = bars[:5], bars[5:10], bars[10]
    assert all(bar["marker"]["pattern"]["shape"] == "/" for bar in (*fixed, hint))
    assert not any(bar["marker"]["pattern"]["shape"] for bar in growing)
    assert len(legend(figure)) == 6
    if shares:
        sums = [sum(bar["x"][run] for bar in fixed + growing) for run in (0, 1)]
        assert sums == pytest.approx([100, 100], rel=1e-4)
    else:
        assert fixed[1]["x"] == pytest.approx([3, 3])
        assert growing[1]["x"] == pytest.approx([2, 32])
        assert figure["data"][-1]["text"] == [" 7 ms", " 37 ms"]


def test_step_parts_per_step_and_per_sentence() -> None:
    def heights(per_sentence: bool) -> list[float]:
        figure = plot_step_parts(examples.step_parts(2, 8), per_sentence=per_sentence)
        bars = [trace for trace in figure["data"] if trace["type"] == "bar"]
        return [sum(bar["y"][place] or 0 for bar in bars) for place in (0, 1)]

    assert heights(per_sentence=False) == pytest.approx([5.0, 11.0])
    assert heights(per_sentence=True) == pytest.approx([2.5, 1.375])


def test_padding_in_percent() -> None:
    points = (SizeMedian(2, 0.1, 0.05, 0.2, 3), SizeMedian(8, 0.3, 0.3, 0.3, 1))
    figure = plot_padding({"fused": points})
    [line] = figure["data"]
    assert (line["x"], line["y"]) == ([2, 8], [10.0, 30.0])
    assert line["error_y"]["array"] == pytest.approx([10.0, 0.0])
    assert line["error_y"]["arrayminus"] == pytest.approx([5.0, 0.0])
    assert figure["layout"]["yaxis"]["range"] == [0, pytest.approx(33.0)]


def test_steps_and_samples_to_target() -> None:
    traces = {trace["name"]: trace for trace in EXAMPLES["plot_steps_to_target"]["data"]}
    assert len(traces) == 8  # two units; fit, reached, not reached, early
    assert traces["samples, not reached"]["y"] == [10_000.0]
    assert len(traces["steps, reached"]["x"]) == 2 * len(SIZES)


def test_the_recommended_range_is_a_band() -> None:
    [band] = EXAMPLES["plot_time_to_target"]["layout"]["shapes"]
    assert band["x0"] < 32 < 128 < band["x1"]


def test_memory_is_predicted_from_the_smaller_sizes() -> None:
    points = [MemoryPoint(size, 10.0 * size, MIB * (100 + size)) for size in SIZES]
    measured, _, check = plot_memory(fit_memory(points))["data"]
    assert measured["x"] == list(SIZES)
    assert check["y"] == [pytest.approx(228)]
