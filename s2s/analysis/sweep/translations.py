"""One sample sentence by the models of all batch sizes, at equal samples or equal training time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from s2s.analysis.run.steps import Axis
from s2s.analysis.sweep.runs import finished_runs
from s2s.config import Engine
from s2s.records import Evaluation, Run, Sweep


@dataclass(frozen=True)
class TranslatingRun:
    """The run that represents a batch size, and its evaluations with translations."""

    run: Run
    evaluations: tuple[Evaluation, ...]
    """By iteration; at least one."""

    def position(self, evaluation: Evaluation, axis: Axis) -> float:
        """Return the samples or the training seconds before an evaluation."""
        if axis is Axis.SECONDS:
            return evaluation.training_seconds
        return float(evaluation.iteration * self.run.config.batch_size)


@dataclass(frozen=True)
class SizeTranslation:
    """The translation by the model of one batch size at one evaluation."""

    batch_size: int
    output: str | None
    """None: that evaluation did not translate the sentence."""
    iteration: int
    samples: int
    seconds: float
    """Training time."""


def first_finished_runs(sweep: Sweep, engine: Engine) -> list[Run]:
    """Return the first finished repeat of each batch size, by size."""
    first: dict[int, Run] = {}
    for run in finished_runs(sweep, engine):
        first.setdefault(run.config.batch_size, run)
    return list(first.values())


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
    return min((each.position(each.evaluations[-1], axis) for each in runs), default=0.0)


def translations_at(
    runs: Sequence[TranslatingRun], sentence: tuple[str, str], axis: Axis, position: float
) -> list[SizeTranslation]:
    """Return each run's translation at its last evaluation up to `position`.

    Samples come in batches: the evaluation after the step that passes `position` still counts, so
    runs with the same budget of samples are compared at their ends.
    """
    rows = []
    for each in runs:
        size = each.run.config.batch_size
        earlier = [
            evaluation
            for evaluation in each.evaluations
            if each.position(evaluation, axis) <= position
            or (axis is Axis.SAMPLES and 0 < evaluation.iteration * size < position + size)
        ]
        if earlier:
            last = earlier[-1]
            outputs = {(one.source, one.reference): one.output for one in last.translations}
            samples = last.iteration * size
            rows.append(
                SizeTranslation(
                    size, outputs.get(sentence), last.iteration, samples, last.training_seconds
                )
            )
    return rows
