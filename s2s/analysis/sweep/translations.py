"""One sentence through the models of every batch size, at equal samples or at equal seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from s2s.analysis.run.steps import Axis
from s2s.analysis.sweep.figures import finished_runs
from s2s.config import Engine
from s2s.records import Evaluation, Run, Sweep


@dataclass(frozen=True)
class Followed:
    """The run that stands for a batch size, and its evaluations that hold translations."""

    run: Run
    evaluations: tuple[Evaluation, ...]
    """In order of iteration, one at least."""

    @property
    def batch_size(self) -> int:
        return self.run.config.batch_size


@dataclass(frozen=True)
class Said:
    """What a batch size's model made of the sentence at one of its evaluations."""

    batch_size: int
    output: str | None
    """None: that evaluation did not follow the sentence."""
    iteration: int
    samples: int
    seconds: float
    """Of training."""


def stand_ins(sweep: Sweep, engine: Engine) -> list[Run]:
    """Of each batch size the finished run of its first repeat, by size."""
    found: dict[int, Run] = {}
    for run in finished_runs(sweep, engine):
        found.setdefault(run.config.batch_size, run)
    return list(found.values())


def followed(
    runs: Sequence[Run], evaluations: Mapping[int, Sequence[Evaluation]]
) -> list[Followed]:
    """Those of `runs` that translated, in their order. `evaluations`: by run id."""
    told = [tuple(each for each in evaluations[run.id] if each.translations) for run in runs]
    return [Followed(run, each) for run, each in zip(runs, told, strict=True) if each]


def sentences(found: Sequence[Followed]) -> list[tuple[str, str]]:
    """Source and reference of each followed sentence, the user's own (no reference) first."""
    pairs = dict.fromkeys(
        (each.source, each.reference)
        for one in found
        for evaluation in one.evaluations
        for each in evaluation.translations
    )
    return sorted(pairs, key=lambda pair: bool(pair[1]))


def reached(found: Sequence[Followed], axis: Axis) -> float:
    """How far all of them were followed, in samples or in seconds of training; 0 of none."""
    return min((_amount(one, one.evaluations[-1], axis) for one in found), default=0.0)


def translations_at(
    found: Sequence[Followed], sentence: tuple[str, str], axis: Axis, amount: float
) -> list[Said]:
    """Of each batch size at its last evaluation up to `amount`; text is never interpolated.

    Samples come by the batch: the evaluation after the step that passes `amount` is one up to it,
    so that sizes which were given the same number are shown at their ends together.
    """
    said = []
    for one in found:
        before = [each for each in one.evaluations if _is_up_to(one, each, axis, amount)]
        if before:
            said.append(_said(one, before[-1], sentence))
    return said


def _is_up_to(one: Followed, evaluation: Evaluation, axis: Axis, amount: float) -> bool:
    if axis is Axis.SECONDS or not evaluation.iteration:
        return _amount(one, evaluation, axis) <= amount
    return (evaluation.iteration - 1) * one.batch_size < amount


def _said(one: Followed, evaluation: Evaluation, sentence: tuple[str, str]) -> Said:
    outputs = {(each.source, each.reference): each.output for each in evaluation.translations}
    return Said(
        one.batch_size,
        outputs.get(sentence),
        evaluation.iteration,
        evaluation.iteration * one.batch_size,
        evaluation.training_seconds,
    )


def _amount(one: Followed, evaluation: Evaluation, axis: Axis) -> float:
    if axis is Axis.SECONDS:
        return evaluation.training_seconds
    return float(evaluation.iteration * one.batch_size)
