"""Figures that Plotly accepts, with titles, units and gaps."""

import json
import math
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as some

from s2s.analysis.comparison import row
from s2s.analysis.lines import RunLine, loss_line, throughput_line
from s2s.analysis.readings import ReadingSeries
from s2s.analysis.steps import Axis, Curve, LossScale
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
    rows = [row(RUN, STEPS, [], []), row(RUN, STEPS, [], [])]
    figure = bars_figure(rows, [320.0, None], ["320", "–"], "Throughput", "samples/s")
    title, x, _ = checked(figure)
    assert (title, x) == ("Throughput", "samples/s")
    assert figure["data"][0]["x"] == [320.0, None]
    assert figure["data"][0]["text"] == ["320", "–"]


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
