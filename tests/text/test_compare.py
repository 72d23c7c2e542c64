"""What a comparison says of itself."""

import dataclasses

from s2s.analysis.run.steps import Axis
from s2s.analysis.run.summarize import Row, row
from s2s.records import DeviceSample
from s2s.text.compare import doubts_text, fairness, marks
from tests.plausible import RUN, steps

STEPS = steps(
    (1, 40.0, 2, 6, 10, 24, 3.0, False),
    (2, 24.0, 2, 8, 8, 20, 0.5, True),
    (3, 12.0, 2, 4, 6, 16, 1.5, True),
)


def a_row(batch_size: int) -> Row:
    config = dataclasses.replace(RUN.config, batch_size=batch_size)
    return row(dataclasses.replace(RUN, config=config), STEPS, [], [])


def test_a_comparison_says_what_is_equal_and_what_is_not() -> None:
    pair = [a_row(32), a_row(2)]
    assert "batch 32 has seen 16 times the sentences of batch 2" in fairness(pair, Axis.ITERATIONS)
    assert "batch 2 has made 16 times the updates of batch 32" in fairness(pair, Axis.SAMPLES)
    assert len({fairness(pair, axis) for axis in Axis}) == len(Axis)
    alike = [a_row(32), a_row(32)]
    assert "times" not in " ".join(fairness(alike, axis) for axis in Axis)


def test_doubts_in_words() -> None:
    busy = [DeviceSample(0.0, "cpu", None, None, None, None, other_load_cores=0.8)]
    interfered = steps(*([*each] for each in STEPS.tolist()))
    interfered["interfered"][2] = True
    doubtful = row(RUN, interfered, [], busy)
    assert marks(doubtful) == "busy machine"
    assert marks(dataclasses.replace(doubtful, noise="very noisy")) == "very noisy, busy machine"
    assert doubts_text([doubtful, a_row(2)]) == (
        "Run 7 · starter · batch 32: Measured on a busy machine: other programs took 0.8 of the "
        "processor's one core. Steps left out because of translations: 1 of run 7."
    )
    assert marks(a_row(2)) == doubts_text([a_row(2)]) == ""
