"""Every sentence and table about a sweep, in the golden file."""

import dataclasses

from s2s.analysis.sweep.throughput import ThroughputCaveat, Unit, fit_speed_curve
from s2s.config import SweepConfig, TrainConfig
from s2s.records import RunState, Sweep, SweepState
from s2s.text import sweep as text
from tests import studies
from tests.golden_text import check_golden

# A step takes 1 s and 0.5 s per sentence: 2/2, 4/3 and 8/5 samples/s.
SPEEDS = {2: [1.0] * 5, 4: [4 / 3] * 5, 8: [1.6] * 5}


def sweep(**choices: object) -> Sweep:
    """A sweep with an unfinished size, a failure with its error, and parts still to come."""
    states = {(8, 1): RunState.DIVERGED, (32, 0): RunState.FAILED, (512, 0): RunState.OUT_OF_MEMORY}
    study = studies.sweep(states, base=TrainConfig(corpus="tiny"), **choices)
    parts = []
    for part in study.parts:
        run = None if part.batch_size == 128 else part.run
        if part.run.state is RunState.FAILED:
            run = dataclasses.replace(part.run, error="The disk is full.")
        parts.append(dataclasses.replace(part, run=run))
    return dataclasses.replace(study, parts=tuple(parts))


def test_golden_text() -> None:
    below_knee = fit_speed_curve("article", {2: [1.9] * 5, 40: [7.0] * 5, 400: [7.9] * 5})
    config = SweepConfig(base=TrainConfig(corpus="tiny"), batch_sizes=(1024,), repeats=1)
    one = Sweep(12, config, 0.0, SweepState.RUNNING, (), name="night")
    unfitted = fit_speed_curve("fused", {2: [1.0]})
    caveats = dataclasses.replace(
        unfitted, fit=dataclasses.replace(unfitted.fit, caveats=tuple(ThroughputCaveat))
    )
    check_golden(
        "sweep",
        {
            "a sweep in a list": text.format_sweep(sweep()),
            "a named sweep of one size and one repeat": text.format_sweep(one),
            "results": text.format_sweep_table(sweep()),
            "results of a sweep with a target": text.format_sweep_table(
                sweep(budget="target", target_loss=2.0)
            ),
            "throughput, knee within the measured sizes": text.describe_throughput_fit(below_knee),
            "throughput in tokens": text.describe_throughput_fit(
                fit_speed_curve("fused", SPEEDS, Unit.TOKENS)
            ),
            "caveats of a throughput fit": text.describe_throughput_fit(caveats),
            "batch sizes": "; ".join(map(text.format_batch_sizes, ([8], [2, 4, 1024]))),
        },
    )
