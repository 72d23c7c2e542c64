"""Figures that Plotly accepts, with titles, units and gaps."""

import json
import math
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis.compare.bars import Bar
from s2s.analysis.compare.groups import Spread
from s2s.analysis.compare.lines import Band, RunLine, loss_line, throughput_line
from s2s.analysis.run.anatomy import Anatomy, Dissected, split
from s2s.analysis.run.readings import ReadingSeries
from s2s.analysis.run.steps import Axis, Curve, LossScale
from s2s.charts.anatomy import anatomy_figure
from s2s.charts.bars import bars_figure
from s2s.charts.frame import PALETTE, Figure, colours, numbers
from s2s.charts.loss import loss_figure
from s2s.charts.readings import readings_figure
from s2s.charts.throughput import throughput_figure
from tests.plausible import RUN, evaluation, some_steps

STEPS = some_steps(30, 32)
EVALUATIONS = [evaluation(0, 8.0), evaluation(30, 6.0)]


def checked(figure: Figure) -> tuple[str, str, str]:
    """Title and axis titles of a figure that Plotly and a browser accept."""
    json.dumps(figure, allow_nan=False)
    valid = go.Figure(figure)
    return valid.layout.title.text, valid.layout.xaxis.title.text, valid.layout.yaxis.title.text


def lines(scale: LossScale = LossScale.TOKEN, count: int = 1) -> list[RunLine]:
    line = loss_line(RUN, STEPS, EVALUATIONS, Axis.ITERATIONS, scale)
    return [RunLine(i, 2**i, f"{i} · run", line.curve, line.validation) for i in range(count)]


def names(figure: Figure) -> list[str]:
    return [trace["name"] for trace in figure["data"] if trace.get("showlegend", True)]


@pytest.mark.parametrize("axis", list(Axis))
@pytest.mark.parametrize("scale", list(LossScale))
def test_the_loss_of_a_run(axis: Axis, scale: LossScale) -> None:
    line = loss_line(RUN, STEPS, EVALUATIONS, axis, scale)
    title, x, y = checked(loss_figure([line], axis, scale))
    assert title == f"Loss {scale}"
    assert y == f"Loss (nats {scale})"
    assert {"iterations": "Iterations", "seconds": "(s)"}.get(axis, "seen") in x


def test_one_run_names_its_lines_and_several_name_their_runs() -> None:
    alone = loss_figure(lines(), Axis.ITERATIONS, LossScale.TOKEN)
    assert names(alone) == ["each step", "smoothed", "validation"]
    several = loss_figure(lines(count=3), Axis.ITERATIONS, LossScale.TOKEN, log_y=True)
    assert names(several) == ["0 · run", "1 · run", "2 · run"]
    assert several["layout"]["yaxis"]["type"] == "log"
    checked(several)


def test_a_logarithmic_axis_leaves_the_evaluation_at_0_out() -> None:
    for log_x, places in ((False, [0, 30]), (True, [30])):
        figure = loss_figure(lines(), Axis.ITERATIONS, LossScale.TOKEN, log_x=log_x)
        (validation,) = [each for each in figure["data"] if each["name"] == "validation"]
        assert validation["x"] == places
        assert len(validation["y"]) == len(places)


def test_zoom_is_kept_until_another_view_is_chosen() -> None:
    def revision(scale: LossScale, log_y: bool = False) -> Any:
        figure = loss_figure(lines(scale), Axis.ITERATIONS, scale, log_y=log_y, revision="7")
        return figure["layout"]["uirevision"]

    assert revision(LossScale.TOKEN) == revision(LossScale.TOKEN)
    assert revision(LossScale.TOKEN) != revision(LossScale.SENTENCE)
    assert revision(LossScale.TOKEN) != revision(LossScale.TOKEN, log_y=True)


def test_a_lost_loss_is_marked() -> None:
    x, y = np.array([1.0, 2.0]), np.array([3.0, math.nan])
    figure = loss_figure(
        [RunLine(1, 2, "1 · hot", Curve(x, y, y))], Axis.ITERATIONS, LossScale.TOKEN
    )
    checked(figure)
    (mark,) = [trace for trace in figure["data"] if trace["mode"] == "markers"]
    assert (mark["x"], mark["y"]) == ([2.0], [3.0])


def test_names_by_users_are_text() -> None:
    line = RunLine(1, 2, "1 · <b>&", Curve(np.ones(1), np.ones(1), np.ones(1)))
    figure = throughput_figure([line, line], Axis.ITERATIONS)
    assert names(figure) == ["1 · &lt;b&gt;&amp;"] * 2


def test_throughput_begins_at_zero() -> None:
    figure = throughput_figure([throughput_line(RUN, STEPS, Axis.SECONDS)], Axis.SECONDS)
    assert checked(figure) == ("Throughput", "Training time (s)", "Samples per second")
    assert figure["layout"]["yaxis"]["rangemode"] == "tozero"


def test_readings_keep_their_gaps() -> None:
    nan = math.nan
    cpu = ReadingSeries(
        "cpu", np.arange(3.0), np.array([2.0**30, nan, 2.0**31]), np.full(3, nan),
        np.array([0.5, nan, 0.0]),
    )  # fmt: skip
    figure = readings_figure([cpu])
    assert checked(figure) == ("Memory and utilisation", "Time (s)", "GiB")
    assert figure["layout"]["yaxis2"]["title"]["text"] == "% busy"
    memory, busy = figure["data"]
    assert memory["y"] == [1.0, None, 2.0]
    assert busy["y"] == [50.0, None, 0.0]
    assert not memory["connectgaps"]


def test_what_torch_holds_is_drawn_where_it_is_known() -> None:
    one = np.ones(1)
    gpu = ReadingSeries("cuda:0", one, one, one, one)
    assert names(readings_figure([gpu])) == ["cuda:0", "cuda:0, held by the run"]


def test_no_readings_are_an_empty_chart() -> None:
    assert readings_figure([])["data"] == []


def test_an_unknown_value_has_no_bar() -> None:
    drawn = [Bar(1, 2, "1 · <b>", Spread(320.0), "320"), Bar(2, 4, "2 · run", None, "–")]
    figure = bars_figure(drawn, "Throughput", "samples/s")
    title, x, _ = checked(figure)
    assert (title, x) == ("Throughput", "samples/s")
    bars, text = figure["data"]
    assert bars["x"] == [320.0, None]
    assert bars["y"] == text["y"] == ["1 · &lt;b&gt;", "2 · run"]
    assert bars["error_x"]["array"] == [None, None]
    assert (text["x"], text["text"]) == ([320.0, 0.0], [" 320", " –"])


def test_long_names_of_bars_take_two_lines() -> None:
    drawn = [Bar(i, 2, f"{i}, 17 · fra-eng-article · batch 32", None, "–") for i in (12, 13)]
    drawn.append(Bar(9, 2, "9 · " + "a long name of a run " * 3, None, "–"))
    bars, _ = bars_figure(drawn, "Throughput", "samples/s")["data"]
    assert bars["y"] == [
        "12, 17 · fra-eng-<br>article · batch 32",
        "13, 17 · fra-eng-<br>article · batch 32",
        "9 · a long name of a<br>run a long name of a …",
    ]


def test_repeats_have_whiskers_and_doubts_a_sign_explained_on_hover() -> None:
    drawn = [Bar(1, 2, "1, 2 · run", Spread(2048.0, 0.0, 4096.0), "2", "0 to 4", "noisy")]
    figure = bars_figure(drawn, "Peak memory", "KiB", scale=2**-10)
    checked(figure)
    bars, text = figure["data"]
    assert bars["x"] == [2.0]
    assert (bars["error_x"]["arrayminus"], bars["error_x"]["array"]) == ([2.0], [2.0])
    assert bars["customdata"] == ["2<br>0 to 4<br>noisy"]
    assert (text["x"], text["text"]) == ([4.0], [" 2 ⚠"])


def test_repeats_are_a_line_in_a_band() -> None:
    x, y = np.array([1.0, 2.0]), np.array([3.0, 2.0])
    line = RunLine(1, 2, "1, 2 · run", Curve(x, y, y), None, Band(x, y - 1, y + 1))
    several = loss_figure([line, *lines()], Axis.ITERATIONS, LossScale.TOKEN, log_x=True)
    checked(several)
    assert several["layout"]["xaxis"]["type"] == "log"
    filled, mean = several["data"][:2]
    assert (filled["x"], filled["y"]) == ([1, 2, 2, 1], [2, 1, 3, 4])
    assert (filled["fill"], filled["fillcolor"]) == ("toself", "rgba(214, 122, 26, 0.2)")
    assert filled["legendgroup"] == mean["legendgroup"]
    assert names(several) == ["1, 2 · run", "0 · run"]
    alone = loss_figure([line], Axis.ITERATIONS, LossScale.TOKEN)
    assert names(alone) == ["spread of the repeats", "mean, smoothed"]


def a_step(batch_size: int) -> Dissected:
    """3 ms and 1 ms a sentence forward, 2 ms whatever the size backward."""
    medians = (0.0, 0.003 + 0.001 * batch_size, 0.002, 0.0, 0.0)
    shares = tuple(each / sum(medians) for each in medians)
    anatomy = Anatomy(medians, shares)
    return Dissected(batch_size, f"{batch_size} · <run>", batch_size, (), anatomy)


def test_the_parts_of_one_runs_step() -> None:
    figure = anatomy_figure([a_step(2)], None)
    assert checked(figure)[:2] == ("Step anatomy", "Medians of a step's parts (ms)")
    assert names(figure) == ["data", "forward", "backward", "optimizer", "between steps"]
    *parts, total = figure["data"]
    assert [part["x"] for part in parts] == [[0.0], [5.0], [2.0], [0.0], [0.0]]
    assert parts[1]["customdata"] == ["5 ms"]
    assert (total["x"], total["text"]) == ([7.0], [" 7 ms"])
    assert total["y"] == ["2 · &lt;run&gt;"]


@pytest.mark.parametrize("shares", [False, True])
def test_the_fixed_part_stands_first_and_is_hatched(shares: bool) -> None:
    runs = [a_step(2), a_step(32)]
    figure = anatomy_figure(runs, split(runs), shares=shares)
    checked(figure)
    bars = [trace for trace in figure["data"] if trace["type"] == "bar"]
    fixed, growing, hint = bars[:5], bars[5:10], bars[10]
    assert all(bar["marker"]["pattern"]["shape"] == "/" for bar in (*fixed, hint))
    assert not any(bar["marker"]["pattern"]["shape"] for bar in growing)
    assert names(figure)[-1] == "hatched: fixed part"
    assert "forward, fixed" in fixed[1]["hovertemplate"]
    if shares:
        whole = [sum(bar["x"][run] for bar in fixed + growing) for run in (0, 1)]
        assert whole == pytest.approx([100, 100], rel=1e-4)
        assert figure["layout"]["xaxis"]["title"]["text"] == "Share of a step (%)"
    else:
        assert fixed[1]["x"] == pytest.approx([3, 3])
        assert growing[1]["x"] == pytest.approx([2, 32])
        assert fixed[2]["x"] == pytest.approx([2, 2])
        assert growing[2]["x"] == pytest.approx([0, 0], abs=1e-9)


def test_numbers_that_are_none_become_gaps() -> None:
    assert numbers([1.0, math.nan, math.inf, 123456.7]) == [1.0, None, None, 123460.0]


@given(some.dictionaries(some.integers(1, 99), some.integers(1, 4096), max_size=len(PALETTE)))
def test_runs_have_colours_of_their_own(runs: dict[int, int]) -> None:
    chosen = colours(list(runs.items()))
    assert len(set(chosen)) == len(runs)
    assert chosen == colours(list(runs.items())[::-1])[::-1]


def test_a_batch_size_keeps_its_colour() -> None:
    assert colours([(1, 2), (2, 32)]) == colours([(8, 2), (5, 32)])
    assert len(colours([(i, 32) for i in range(20)])) == 20
