"""Parts of a step and padding against the batch size."""

import dataclasses

import pytest

from s2s.analysis.run.anatomy import PARTS
from s2s.analysis.sweep.step_parts import (
    PaddingPoint,
    SizeParts,
    padding,
    padding_text,
    step_parts,
    step_parts_text,
)
from s2s.config import Engine
from s2s.records import RunState, Sweep
from tests import studies


def told(
    of: Sweep, phases: dict[int, list[list[float] | None]], padded: dict[int, list[float | None]]
) -> Sweep:
    """The study with what its runs' summaries say of each size, a value a repeat."""
    parts = []
    for part in of.parts:
        assert part.run
        assert part.run.summary
        seconds = phases.get(part.batch_size, [None] * 3)[part.repeat]
        summary = dataclasses.replace(
            part.run.summary,
            phase_seconds=seconds and dict(zip(PARTS, seconds, strict=True)),
            padding_ratio=padded.get(part.batch_size, [None] * 3)[part.repeat],
        )
        parts.append(dataclasses.replace(part, run=dataclasses.replace(part.run, summary=summary)))
    return dataclasses.replace(of, parts=tuple(parts))


PHASES: dict[int, list[list[float] | None]] = {
    # Data 1 ms + 1 ms a sentence, forward 2 ms, the rest nothing.
    2: [[0.003, 0.002, 0, 0, 0], [0.002, 0.001, 0, 0, 0], [0.009, 0.009, 0, 0, 0]],
    8: [[0.009, 0.002, 0, 0, 0], None, None],
}


def test_medians_over_the_runs_and_the_line_through_them() -> None:
    found = step_parts(told(studies.sweep(), PHASES, {}), Engine.FUSED)
    assert found.sizes == (
        SizeParts(2, (0.003, 0.002, 0, 0, 0), 3),
        SizeParts(8, (0.009, 0.002, 0, 0, 0), 1),
    )
    assert found.split is not None
    assert found.split.fixed_seconds == pytest.approx((0.001, 0.002, 0, 0, 0))
    assert found.split.per_sample_seconds == pytest.approx((0.001, 0, 0, 0, 0))
    assert found.sizes[0].shares() == pytest.approx([0.6, 0.4, 0, 0, 0])
    text = step_parts_text(found)
    assert text.startswith(
        "Step anatomy against the batch size. batch 2: data 3 ms (60 %), forward 2 ms (40 %), "
    )
    assert "A step takes 3 ms whatever the batch size and 1 ms more for each sentence" in text


def test_nothing_where_no_phase_was_told_apart() -> None:
    found = step_parts(studies.sweep(), Engine.FUSED)
    assert (found.sizes, found.split) == ((), None)
    assert step_parts_text(found) == "Step anatomy against the batch size. Nothing yet."
    one = step_parts(told(studies.sweep(), {2: PHASES[2]}, {}), Engine.FUSED)
    assert len(one.sizes) == 1
    assert one.split is None


def test_a_run_that_did_not_finish_tells_nothing() -> None:
    study = studies.sweep({(2, 2): RunState.DIVERGED, (8, 0): RunState.FAILED})
    study = told(study, PHASES, {2: [0.1, 0.2, 0.9], 8: [0.5, None, None]})
    found = step_parts(study, Engine.FUSED)
    assert found.sizes == (SizeParts(2, pytest.approx((0.0025, 0.0015, 0, 0, 0)), 2),)
    [line] = padding(study)
    assert line.points == (PaddingPoint(2, pytest.approx(0.15), 0.1, 0.2, 2),)


def test_padding_by_engine_and_size() -> None:
    both = (Engine.FUSED, Engine.ARTICLE)
    study = told(studies.sweep(engines=both), {}, {8: [0.3, 0.1, 0.2], 2: [0.0, 0.0, None]})
    fused, article = padding(study)
    assert (fused.label, article.label) == ("fused", "article")
    assert fused.points == (PaddingPoint(2, 0.0, 0.0, 0.0, 2), PaddingPoint(8, 0.2, 0.1, 0.3, 3))
    assert article.points == ()
    assert padding_text([fused, article]) == (
        "Padded share of the computed cells against the batch size. "
        "fused: batch 2: 0.0 %, batch 8: 20.0 %."
    )
    assert padding_text([article]).endswith("Nothing yet.")
