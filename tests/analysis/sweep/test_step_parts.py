"""Step parts and padding ratio against the batch size."""

import itertools

import pytest

from s2s.analysis.run.anatomy import PARTS
from s2s.analysis.sweep.runs import SizeMedian
from s2s.analysis.sweep.step_parts import SizeParts, compute_padding_ratios, compute_step_parts
from s2s.config import Engine
from s2s.records import RunState, Sweep
from tests import studies

# Data 1 ms + 1 ms per sentence, forward 2 ms, the rest nothing.
PHASES = {
    (2, 0): (0.003, 0.002, 0, 0, 0),
    (2, 1): (0.002, 0.001, 0, 0, 0),
    (2, 2): (0.009, 0.009, 0, 0, 0),
    (8, 0): (0.009, 0.002, 0, 0, 0),
}


def with_phases(study: Sweep, ratios: dict[tuple[int, int], float] | None = None) -> Sweep:
    """Return the sweep with `PHASES`, and with padding ratios of these runs only."""
    return studies.with_summaries(
        study,
        {
            key: {
                "padding_ratio": (ratios or {}).get(key),
                "phase_seconds": dict(zip(PARTS, PHASES.get(key, ()), strict=False)) or None,
            }
            for key in itertools.product(studies.SIZES, range(3))
        },
    )


def test_parts_are_medians_over_the_runs_with_measured_phases() -> None:
    parts = compute_step_parts(with_phases(studies.sweep()), Engine.FUSED)
    assert parts.sizes == (SizeParts(2, PHASES[2, 0]), SizeParts(8, PHASES[8, 0]))
    assert parts.sizes[0].shares() == pytest.approx([0.6, 0.4, 0, 0, 0])
    assert parts.fit.fixed_seconds == pytest.approx((0.001, 0.002, 0, 0, 0))
    assert parts.fit.per_sample_seconds == pytest.approx((0.001, 0, 0, 0, 0))
    unmeasured = compute_step_parts(studies.sweep(), Engine.FUSED)
    assert (unmeasured.sizes, unmeasured.fit) == ((), None)


def test_runs_that_did_not_finish_do_not_count() -> None:
    study = studies.sweep({(2, 2): RunState.DIVERGED, (8, 0): RunState.FAILED})
    study = with_phases(study, {(2, 0): 0.1, (2, 1): 0.2, (2, 2): 0.9, (8, 0): 0.5})
    parts = compute_step_parts(study, Engine.FUSED)
    assert parts.sizes == (SizeParts(2, pytest.approx((0.0025, 0.0015, 0, 0, 0))),)
    assert parts.fit is None  # of a single size
    assert compute_padding_ratios(study)["fused"] == (
        SizeMedian(2, pytest.approx(0.15), 0.1, 0.2, 2),
    )


def test_padding_by_engine_and_size() -> None:
    ratios = {(8, 0): 0.3, (8, 1): 0.1, (8, 2): 0.2, (2, 0): 0.0, (2, 1): 0.0}
    study = studies.sweep(engines=(Engine.FUSED, Engine.ARTICLE))
    assert compute_padding_ratios(with_phases(study, ratios)) == {
        "fused": (SizeMedian(2, 0.0, 0.0, 0.0, 2), SizeMedian(8, 0.2, 0.1, 0.3, 3)),
        "article": (),
    }
