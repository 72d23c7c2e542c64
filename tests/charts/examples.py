"""One example of every figure, with its description."""

import dataclasses
import math

import numpy as np

from s2s.analysis.advice.steps_fit import fit_steps
from s2s.analysis.advice.target import StepsToTarget
from s2s.analysis.advice.time_to_target import Prediction, Standing
from s2s.analysis.compare.groups import Bar, Group
from s2s.analysis.compare.lines import RunLine, build_loss_line, build_throughput_line
from s2s.analysis.estimate import Estimate
from s2s.analysis.run.anatomy import Anatomy, fit_anatomy, fit_run_anatomies
from s2s.analysis.run.readings import ReadingSeries
from s2s.analysis.run.steps import Axis, LossScale
from s2s.analysis.sweep.memory import MemoryPoint, fit_memory
from s2s.analysis.sweep.runs import SizeMedian
from s2s.analysis.sweep.step_parts import SizeParts, StepParts
from s2s.analysis.sweep.throughput import fit_speed_curve
from s2s.charts.advice import plot_steps_to_target, plot_time_to_target
from s2s.charts.bars import plot_anatomy, plot_bars, plot_step_parts
from s2s.charts.curves import plot_loss, plot_readings, plot_throughput
from s2s.charts.frame import Figure
from s2s.charts.sweep import plot_memory, plot_padding, plot_speed_curves
from s2s.formatting import format_rate
from s2s.text import charts as text
from tests.plausible import MIB, RUN, evaluation, some_steps

SIZES = (2, 8, 32, 128)
NAME = "fra-eng-article · batch 2"


def examples() -> dict[str, tuple[Figure, str]]:
    """Return figure and description by the name of the function that plots it."""
    return {**_run_examples(), **_sweep_examples(), **_advice_examples()}


def step_anatomy(batch_size: int) -> Anatomy:
    """3 ms and 1 ms per sentence forward, 2 ms backward at any size."""
    medians = (0.0, 0.003 + 0.001 * batch_size, 0.002, 0.0, 0.0)
    shares = tuple(each / sum(medians) for each in medians)
    return Anatomy(batch_size, f"{batch_size} · <run>", batch_size, (), medians, shares)


def step_parts(*sizes: int) -> StepParts:
    """1 ms and 1 ms per sentence of data, 2 ms forward."""
    parts = [SizeParts(size, (0.001 + 0.001 * size, 0.002, 0.0, 0.0, 0.0)) for size in sizes]
    return StepParts(tuple(parts), fit_anatomy(sizes, [each.seconds for each in parts]))


def target_points() -> list[StepsToTarget]:
    """S_min 100, B_crit 32, two seeds that differ by 4%; one run missed, one was early."""
    points = [
        StepsToTarget(size, seed, 100 * (1 + 32 / size) * factor, reached=True)
        for size in SIZES
        for seed, factor in enumerate((0.98, 1.02))
    ]
    points.append(StepsToTarget(2, 9, 5000.0, reached=False))
    return [*points, StepsToTarget(128, 9, 3.0, reached=True, is_early=True)]


def predictions() -> list[Prediction]:
    seconds = {2: (90.0, Standing.SLOWER), 8: (30.0, Standing.UNDECIDED),
               32: (21.0, Standing.RECOMMENDED), 128: (20.0, Standing.RECOMMENDED)}  # fmt: skip
    return [
        Prediction(size, 100.0, Estimate(at, 0.9 * at, 1.1 * at), Estimate(at / 20), standing)
        for size, (at, standing) in seconds.items()
    ]


def _run_examples() -> dict[str, tuple[Figure, str]]:
    steps, axis, scale = some_steps(1000, 32), Axis.SAMPLES, LossScale.TOKEN
    loss = build_loss_line(RUN, steps, [evaluation(0, 8.0), evaluation(1000, 6.0)], axis, scale)
    losses = [RunLine(i, 2**i, f"{i} · {NAME}", loss.curve, loss.validation) for i in range(3)]
    speeds = [build_throughput_line(RUN, steps, axis)]
    one, other = (Group((dataclasses.replace(RUN, id=each, name=NAME),)) for each in (12, 13))
    bars = [Bar(one, Estimate(226.95, 210.0, 240.0)), Bar(other, None)]
    warnings = ["noisy", ""]
    seconds, nothing = np.arange(60.0), np.full(60, math.nan)
    readings = [
        ReadingSeries("cuda:0", seconds, 1024 * MIB * seconds, 512 * MIB * seconds, seconds / 60),
        ReadingSeries("cpu", seconds, 1024 * MIB + seconds, nothing, nothing),
    ]
    anatomies = [step_anatomy(2), step_anatomy(32)]
    fit = fit_run_anatomies(anatomies)
    return {
        "plot_loss": (plot_loss(losses, axis, scale), text.describe_loss(losses, axis, scale)),
        "plot_throughput": (plot_throughput(speeds, axis), text.describe_throughput(speeds, axis)),
        "plot_bars": (
            plot_bars(bars, "Throughput", "samples/s", format_rate, warnings=warnings),
            text.describe_bars(bars, "Throughput in samples/s", format_rate, warnings),
        ),
        "plot_readings": (plot_readings(readings), text.describe_readings(readings)),
        "plot_anatomy": (plot_anatomy(anatomies, fit), text.describe_anatomy(anatomies, fit)),
    }


def _sweep_examples() -> dict[str, tuple[Figure, str]]:
    curves = [fit_speed_curve("fused", {size: [size / (0.01 + 0.0005 * size)] for size in SIZES})]
    memory = fit_memory([MemoryPoint(size, 40.0 * size, (600 + 3 * size) * MIB) for size in SIZES])
    points = [SizeMedian(size, 0.1 * i, 0.09 * i, 0.11 * i, 3) for i, size in enumerate(SIZES)]
    padding = {"article": points}
    parts = step_parts(*SIZES)
    return {
        "plot_speed_curves": (plot_speed_curves(curves), text.describe_speed_curves(curves)),
        "plot_memory": (plot_memory(memory), text.describe_memory(memory)),
        "plot_step_parts": (plot_step_parts(parts), text.describe_step_parts(parts)),
        "plot_padding": (plot_padding(padding), text.describe_padding(padding)),
    }


def _advice_examples() -> dict[str, tuple[Figure, str]]:
    points, times = target_points(), predictions()
    return {
        "plot_steps_to_target": (
            plot_steps_to_target(points, fit_steps(points)),
            text.describe_steps_to_target(points),
        ),
        "plot_time_to_target": (plot_time_to_target(times), text.describe_time_to_target(times)),
    }
