"""Figures of the laws: Plotly accepts them, their axes have units, nothing is drawn unmeasured."""

from collections import Counter
from typing import Any

import pytest

from s2s.analysis.advice.sweep_advice import SweepAdvice, sweep_advice
from s2s.analysis.advice.target import StepsToTarget
from s2s.analysis.run.anatomy import split_sizes
from s2s.analysis.sweep.memory import MemoryPoint, memory_law
from s2s.analysis.sweep.speed_curve import Unit, speed_curve
from s2s.analysis.sweep.step_parts import PaddingLine, PaddingPoint, SizeParts, StepParts
from s2s.charts.batch_law import steps_figure, steps_text
from s2s.charts.frame import Figure
from s2s.charts.memory_law import memory_figure, memory_text
from s2s.charts.padding import padding_figure
from s2s.charts.scale import batch_size_axis
from s2s.charts.speed_curve import speed_figure
from s2s.charts.step_parts import step_parts_figure
from s2s.charts.time_to_target import time_figure, time_text
from s2s.config import Engine
from tests import studies
from tests.charts.test_figures import checked, names

BATCH = "Batch size (sentences a step)"


@pytest.fixture(scope="module")
def found() -> SweepAdvice:
    study = studies.sweep()
    return sweep_advice(study, Engine.FUSED, studies.all_evaluations(study), 3.0)


def test_throughput(found: SweepAdvice) -> None:
    figure = speed_figure([found.speed])
    assert checked(figure) == ("Throughput", BATCH, "Samples per second")
    assert names(figure) == ["fused: ceiling", "fused"]
    assert figure["data"][-1]["x"] == list(studies.SIZES)


def test_tokens() -> None:
    figure = speed_figure([speed_curve("fused", {2: [5.0], 4: [8.0]}, Unit.TOKENS)])
    assert checked(figure) == ("Throughput", BATCH, "Target tokens per second")
    assert "tokens/s" in figure["data"][-1]["hovertemplate"]
    checked(speed_figure([]))


def parts(*sizes: int) -> StepParts:
    """Data 1 ms and 1 ms a sentence, forward 2 ms."""
    found = [SizeParts(size, (0.001 + 0.001 * size, 0.002, 0.0, 0.0, 0.0), 1) for size in sizes]
    return StepParts(tuple(found), split_sizes(sizes, [each.seconds for each in found]))


def heights(figure: Figure, size: int) -> float:
    """The whole bar of the size at this place, in the axis's unit."""
    return sum(trace["y"][size] or 0 for trace in figure["data"] if trace["type"] == "bar")


def test_step_parts_of_a_step_and_of_a_sentence() -> None:
    figure = step_parts_figure(parts(2, 8))
    assert checked(figure) == ("Step anatomy", BATCH, "Medians of a step's parts (ms)")
    assert names(figure) == [
        "data", "forward", "backward", "optimizer", "between steps", "hatched: fixed part"
    ]  # fmt: skip
    assert [heights(figure, place) for place in (0, 1)] == pytest.approx([5.0, 11.0])
    hatched = [each for each in figure["data"] if each["type"] == "bar" and not names_it(each)]
    assert [sum(each["y"][place] for each in hatched) for place in (0, 1)] == pytest.approx(
        [3.0, 3.0]
    )
    assert figure["data"][0]["x"] == ["2", "8"]
    figure = step_parts_figure(parts(2, 8), a_sentence=True)
    assert checked(figure)[2] == "Medians of a sentence's parts (ms)"
    assert [heights(figure, place) for place in (0, 1)] == pytest.approx([2.5, 1.375])


def names_it(trace: dict[str, Any]) -> bool:
    return bool(trace.get("showlegend", True))


def test_step_parts_of_one_size_have_no_fixed_part() -> None:
    figure = step_parts_figure(parts(2))
    checked(figure)
    assert "hatched: fixed part" not in names(figure)
    checked(step_parts_figure(parts()))


def test_padding() -> None:
    points = (PaddingPoint(2, 0.1, 0.05, 0.2, 3), PaddingPoint(8, 0.3, 0.3, 0.3, 1))
    figure = padding_figure([PaddingLine("fused", points), PaddingLine("article", ())])
    assert checked(figure) == ("Padding", BATCH, "Padded share of cells (%)")
    assert names(figure) == ["fused", "article"]
    fused = figure["data"][0]
    assert (fused["x"], fused["y"]) == ([2, 8], [10.0, 30.0])
    assert fused["error_y"]["array"] == pytest.approx([10.0, 0.0])
    assert fused["error_y"]["arrayminus"] == pytest.approx([5.0, 0.0])
    assert figure["layout"]["yaxis"]["range"] == [0, pytest.approx(33.0)]
    assert padding_figure([])["layout"]["yaxis"]["range"] == [0, 5.0]


def test_one_size_is_a_point_without_a_line() -> None:
    figure = speed_figure([speed_curve("fused", {2: [1.0]}), speed_curve("article", {})])
    checked(figure)
    assert [trace["x"] for trace in figure["data"]] == [[2], []]


def test_steps_and_samples(found: SweepAdvice) -> None:
    missed = StepsToTarget(2, 9, 5000.0, reached=False)
    early = StepsToTarget(512, 9, 3.0, reached=True, early=True)
    figure = steps_figure([*found.points, missed, early], found.advice.law)
    title, x, y = checked(figure)
    assert (title, x, y) == ("Steps and samples to the target", BATCH, "Steps, or samples")
    assert Counter(names(figure)).keys() == {
        f"{what}, {kind}"
        for what in ("steps", "samples")
        for kind in ("the law", "reached", "not reached", "sooner than seen")
    }
    by_name = {trace["name"]: trace for trace in figure["data"]}
    assert by_name["samples, not reached"]["y"] == [10_000.0]
    assert "not reached after 5,000 steps" in steps_text([missed])
    assert "within 3 steps" in steps_text([early])


def test_steps_without_a_law() -> None:
    figure = steps_figure([StepsToTarget(2, 0, 10.0, reached=True)], None)
    checked(figure)
    assert names(figure) == ["steps, reached", "samples, reached"]


def test_time(found: SweepAdvice) -> None:
    figure = time_figure(found.advice.times)
    title, x, y = checked(figure)
    assert (title, x, y) == ("Time to the target", BATCH, "Training time to the target (s)")
    assert set(names(figure)) <= {"good", "undecided", "slow"}
    [band] = figure["layout"]["shapes"]
    assert band["x0"] < min(found.advice.good_sizes) < max(found.advice.good_sizes) < band["x1"]
    assert "batch 32: " in time_text(found.advice.times)


def test_memory() -> None:
    points = [MemoryPoint(size, 10.0 * size, 2**20 * (100 + size)) for size in (2, 8, 32, 128)]
    figure = memory_figure(memory_law(points))
    assert checked(figure) == ("Peak memory", BATCH, "Peak memory (MiB)")
    assert names(figure) == ["measured", "the line", "predicted from the smaller sizes"]
    assert figure["data"][2]["y"] == [pytest.approx(228)]
    assert memory_text(memory_law(points)).endswith("batch 128: 228 MiB.")


def test_ticks_stay_readable() -> None:
    # A twelfth of the axis is a factor of 30 ** (1 / 12) = 1.33.
    assert batch_size_axis(range(1, 31))["tickvals"] == [1, 2, 3, 4, 6, 8, 11, 15, 20, 27]
    assert batch_size_axis([64, 2, 8, 2])["ticktext"] == ["2", "8", "64"]
    assert batch_size_axis([2048])["ticktext"] == ["2,048"]
    assert batch_size_axis([])["tickvals"] == []
