"""One sentence through the models of every batch size, at equal samples or at equal seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from s2s.analysis.steps import Axis
from s2s.records import Evaluation, Run


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
    """What a batch size's model made of the sentence at its last evaluation up to there."""

    batch_size: int
    output: str | None
    """None: that evaluation did not follow the sentence."""
    iteration: int
    samples: int
    seconds: float
    """Of training."""


def followed(
    runs: Sequence[Run], evaluations: Mapping[int, Sequence[Evaluation]]
) -> list[Followed]:
    """By batch size, of each the first of `runs` that translated. `evaluations`: by run id."""
    found: dict[int, Followed] = {}
    for run in runs:
        told = tuple(each for each in evaluations[run.id] if each.translations)
        if told:
            found.setdefault(run.config.batch_size, Followed(run, told))
    return [found[size] for size in sorted(found)]


def sentences(found: Sequence[Followed]) -> list[tuple[str, str]]:
    """Source and reference of each followed sentence, the user's own (no reference) first."""
    pairs = dict.fromkeys(
        (each.source, each.reference)
        for one in found
        for evaluation in one.evaluations
        for each in evaluation.translations
    )
    return sorted(pairs, key=lambda pair: bool(pair[1]))


def amounts(found: Sequence[Followed], axis: Axis) -> list[float]:
    """Where some model was looked at, ascending, from where all were to where one ended first.

    `axis`: samples or seconds. Between two of these nothing changes.
    """
    if not found:
        return []
    places = [[_amount(one, each, axis) for each in one.evaluations] for one in found]
    first, last = max(each[0] for each in places), min(each[-1] for each in places)
    return sorted({place for each in places for place in each if first <= place <= last})


def translations_at(
    found: Sequence[Followed], sentence: tuple[str, str], axis: Axis, amount: float
) -> list[Said]:
    """Of each batch size at its last evaluation not after `amount`; text is never interpolated."""
    said = []
    for one in found:
        before = [each for each in one.evaluations if _amount(one, each, axis) <= amount]
        if before:
            said.append(_said(one, before[-1], sentence))
    return said


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
