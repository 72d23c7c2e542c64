"""One sample sentence by the models of all batch sizes, at equal samples or equal training time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from s2s.analysis.run.steps import Axis
from s2s.analysis.sweep.runs import finished_runs, group_by_batch_size
from s2s.config import Engine
from s2s.records import Evaluation, Run, Sweep


@dataclass(frozen=True)
class TranslatingRun:
    """The run that represents a batch size, with its evaluations that contain translations."""

    run: Run
    evaluations: tuple[Evaluation, ...]
    """By iteration; at least one."""

    @property
    def batch_size(self) -> int:
        """Its batch size."""
        return self.run.config.batch_size


@dataclass(frozen=True)
class SizeTranslation:
    """The translation by one batch size's model at one of its evaluations."""

    batch_size: int
    output: str | None
    """None: that evaluation did not translate the sentence."""
    iteration: int
    samples: int
    seconds: float
    """Training time."""


def first_finished_runs(sweep: Sweep, engine: Engine) -> list[Run]:
    """Return the first finished repeat of each batch size, by size."""
    return [runs[0] for runs in group_by_batch_size(finished_runs(sweep, engine)).values()]


def select_translating_runs(
    runs: Sequence[Run], evaluations: Mapping[int, Sequence[Evaluation]]
) -> list[TranslatingRun]:
    """Return those of the runs that translated; `evaluations` by run id."""
    translated = [tuple(each for each in evaluations[run.id] if each.translations) for run in runs]
    return [TranslatingRun(run, each) for run, each in zip(runs, translated, strict=True) if each]


def sample_sentences(runs: Sequence[TranslatingRun]) -> list[tuple[str, str]]:
    """Return source and reference of each sample sentence, the user's own (no reference) first."""
    pairs = dict.fromkeys(
        (each.source, each.reference)
        for run in runs
        for evaluation in run.evaluations
        for each in evaluation.translations
    )
    return sorted(pairs, key=lambda pair: bool(pair[1]))


def common_extent(runs: Sequence[TranslatingRun], axis: Axis) -> float:
    """Return the samples or seconds up to which all runs were evaluated; 0 without runs."""
    return min((_position(each, each.evaluations[-1], axis) for each in runs), default=0.0)


def translations_at(
    runs: Sequence[TranslatingRun], sentence: tuple[str, str], axis: Axis, position: float
) -> list[SizeTranslation]:
    """Return each run's translation at its last evaluation up to `position`.

    Samples come in batches: the evaluation after the step that passes `position` still counts, so
    that runs with the same budget of samples are compared at their ends.
    """
    rows = []
    for run in runs:
        earlier = [each for each in run.evaluations if _is_up_to(run, each, axis, position)]
        if earlier:
            rows.append(_translation(run, earlier[-1], sentence))
    return rows


def _is_up_to(run: TranslatingRun, evaluation: Evaluation, axis: Axis, position: float) -> bool:
    if axis is Axis.SECONDS or not evaluation.iteration:
        return _position(run, evaluation, axis) <= position
    return (evaluation.iteration - 1) * run.batch_size < position


def _translation(
    run: TranslatingRun, evaluation: Evaluation, sentence: tuple[str, str]
) -> SizeTranslation:
    outputs = {(each.source, each.reference): each.output for each in evaluation.translations}
    return SizeTranslation(
        run.batch_size,
        outputs.get(sentence),
        evaluation.iteration,
        evaluation.iteration * run.batch_size,
        evaluation.training_seconds,
    )


def _position(run: TranslatingRun, evaluation: Evaluation, axis: Axis) -> float:
    if axis is Axis.SECONDS:
        return evaluation.training_seconds
    return float(evaluation.iteration * run.batch_size)
