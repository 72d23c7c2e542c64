"""Step parts and padding ratio against the batch size."""

import pytest

from s2s.analysis.run.anatomy import PARTS
from s2s.analysis.sweep.runs import SizeMedian
from s2s.analysis.sweep.step_parts import SizeParts, measure_padding, measure_step_parts
from s2s.config import Engine
from s2s.records import RunState
from tests import studies

# Data 1 ms + 1 ms per sentence, forward 2 ms, the rest nothing.
PHASES = {
    (2, 0): (0.003, 0.002, 0, 0, 0),
    (2, 1): (0.002, 0.001, 0, 0, 0),
    (2, 2): (0.009, 0.009, 0, 0, 0),
    (8, 0): (0.009, 0.002, 0, 0, 0),
}


def changes() -> dict[tuple[int, int], dict[str, object]]:
    phases = {key: {"phase_seconds": dict(zip(PARTS, PHASES[key], strict=True))} for key in PHASES}
    no_padding = {
        (size, repeat): {"padding_ratio": None} for size in studies.SIZES for repeat in range(3)
    }
    return {key: {**each, **phases.get(key, {})} for key, each in no_padding.items()}


def test_parts_are_medians_over_the_runs_with_measured_phases() -> None:
    parts = measure_step_parts(studies.with_summaries(studies.sweep(), changes()), Engine.FUSED)
    assert parts.sizes == (
        SizeParts(2, (0.003, 0.002, 0, 0, 0)),
        SizeParts(8, (0.009, 0.002, 0, 0, 0)),
    )
    assert parts.sizes[0].shares() == pytest.approx([0.6, 0.4, 0, 0, 0])
    assert parts.fit is not None
    assert parts.fit.fixed_seconds == pytest.approx((0.001, 0.002, 0, 0, 0))
    assert parts.fit.per_sample_seconds == pytest.approx((0.001, 0, 0, 0, 0))
    unmeasured = measure_step_parts(studies.sweep(), Engine.FUSED)
    assert (unmeasured.sizes, unmeasured.fit) == ((), None)


def test_runs_that_did_not_finish_do_not_count() -> None:
    study = studies.sweep({(2, 2): RunState.DIVERGED, (8, 0): RunState.FAILED})
    values = changes()
    for key, ratio in {(2, 0): 0.1, (2, 1): 0.2, (2, 2): 0.9, (8, 0): 0.5}.items():
        values[key]["padding_ratio"] = ratio
    study = studies.with_summaries(study, values)
    parts = measure_step_parts(study, Engine.FUSED)
    assert parts.sizes == (SizeParts(2, pytest.approx((0.0025, 0.0015, 0, 0, 0))),)
    assert parts.fit is None  # of a single size
    assert measure_padding(study)["fused"] == (SizeMedian(2, pytest.approx(0.15), 0.1, 0.2, 2),)


def test_padding_by_engine_and_size() -> None:
    values = changes()
    ratios = {(8, 0): 0.3, (8, 1): 0.1, (8, 2): 0.2, (2, 0): 0.0, (2, 1): 0.0}
    for key, ratio in ratios.items():
        values[key]["padding_ratio"] = ratio
    study = studies.sweep(engines=(Engine.FUSED, Engine.ARTICLE))
    assert measure_padding(studies.with_summaries(study, values)) == {
        "fused": (SizeMedian(2, 0.0, 0.0, 0.0, 2), SizeMedian(8, 0.2, 0.1, 0.3, 3)),
        "article": (),
    }
