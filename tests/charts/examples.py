"""Each figure of the dashboard once, with its text alternative, of records as runs leave them."""

import math

import numpy as np

from s2s.analysis.advice.sweep_advice import sweep_advice
from s2s.analysis.compare.bars import Bar, bars_text
from s2s.analysis.compare.groups import Spread
from s2s.analysis.compare.lines import (
    RunLine,
    loss_line,
    loss_text,
    throughput_line,
    throughput_text,
)
from s2s.analysis.run.anatomy import Anatomy, Dissected, anatomy_text, split, split_sizes
from s2s.analysis.run.readings import ReadingSeries, readings_text
from s2s.analysis.run.steps import Axis, LossScale
from s2s.analysis.sweep.memory import MemoryPoint, memory_law
from s2s.analysis.sweep.speed_curve import speed_text
from s2s.analysis.sweep.step_parts import (
    PaddingLine,
    PaddingPoint,
    SizeParts,
    StepParts,
    padding_text,
    step_parts_text,
)
from s2s.charts.anatomy import anatomy_figure
from s2s.charts.bars import bars_figure
from s2s.charts.batch_law import steps_figure, steps_text
from s2s.charts.frame import Figure
from s2s.charts.loss import loss_figure
from s2s.charts.memory_law import memory_figure, memory_text
from s2s.charts.padding import padding_figure
from s2s.charts.readings import readings_figure
from s2s.charts.speed_curve import speed_figure
from s2s.charts.step_parts import step_parts_figure
from s2s.charts.throughput import throughput_figure
from s2s.charts.time_to_target import time_figure, time_text
from s2s.config import Engine
from tests import studies
from tests.plausible import RUN, evaluation, some_steps

_LABEL = "12 · fra-eng-article · batch 2"
_MIB = 2**20


def examples() -> dict[str, tuple[Figure, str]]:
    """The figure and its text by the name of the function that makes it."""
    return {**_of_runs(), **_of_a_sweep()}


def _of_runs() -> dict[str, tuple[Figure, str]]:
    steps = some_steps(1000, 32)
    along, scale = Axis.SAMPLES, LossScale.TOKEN
    loss = loss_line(RUN, steps, [evaluation(0, 8.0), evaluation(1000, 6.0)], along, scale)
    losses = [RunLine(i, 2**i, f"{i} · {_LABEL}", loss.curve, loss.validation) for i in range(3)]
    speed = [throughput_line(RUN, steps, along)]
    bars = [
        Bar(1, 2, _LABEL, Spread(226.95, 210.0, 240.0), "227", "210 to 240", "noisy"),
        Bar(2, 32, _LABEL.replace("12", "13"), None, "–"),
    ]
    at, nothing = np.arange(60.0), np.full(60, math.nan)
    readings = [ReadingSeries("cuda:0", at, 2.0**30 * at, 2.0**29 * at, at / 60),
                ReadingSeries("cpu", at, 2.0**30 + at, nothing, nothing)]  # fmt: skip
    dissected = [
        _dissected(size, (0.0004, 0.003 + 0.001 * size, 0.002, 0.001, 0.0002)) for size in (2, 32)
    ]
    line = split(dissected)
    return {
        "loss_figure": (loss_figure(losses, along, scale), loss_text(losses, along, scale)),
        "throughput_figure": (throughput_figure(speed, along), throughput_text(speed, along)),
        "bars_figure": (bars_figure(bars, "Throughput", "samples/s"), bars_text(bars, "Speed")),
        "readings_figure": (readings_figure(readings), readings_text(readings)),
        "anatomy_figure": (anatomy_figure(dissected, line), anatomy_text(dissected, line)),
    }


def _dissected(size: int, medians: tuple[float, ...]) -> Dissected:
    shares = tuple(each / sum(medians) for each in medians)
    return Dissected(size, f"{size} · {_LABEL}", size, (), Anatomy(medians, shares))


def _of_a_sweep() -> dict[str, tuple[Figure, str]]:
    study = studies.sweep()
    found = sweep_advice(study, Engine.FUSED, studies.all_evaluations(study), 3.0)
    times = found.advice.times
    memory = memory_law(
        [MemoryPoint(size, 40.0 * size, (600 + 3 * size) * _MIB) for size in studies.SIZES]
    )
    sizes = [
        SizeParts(size, (0.0004, 0.003 + 0.001 * size, 0.002, 0.001, 0.0002), 3)
        for size in studies.SIZES
    ]
    parts = StepParts(tuple(sizes), split_sizes(studies.SIZES, [each.seconds for each in sizes]))
    padded = [
        PaddingLine(
            "article",
            tuple(
                PaddingPoint(size, 0.1 * i, 0.09 * i, 0.11 * i, 3)
                for i, size in enumerate(studies.SIZES)
            ),
        )
    ]
    return {
        "speed_figure": (speed_figure([found.speed]), speed_text([found.speed])),
        "steps_figure": (steps_figure(found.points, found.advice.law), steps_text(found.points)),
        "time_figure": (time_figure(times), time_text(times)),
        "memory_figure": (memory_figure(memory), memory_text(memory)),
        "step_parts_figure": (step_parts_figure(parts), step_parts_text(parts)),
        "padding_figure": (padding_figure(padded), padding_text(padded)),
    }
