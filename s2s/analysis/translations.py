"""Sample translations: those of a run's evaluations, or of a sweep's batch sizes, compared."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from s2s.analysis.run.steps import Axis
from s2s.analysis.sweep.runs import list_finished_runs
from s2s.config import Engine
from s2s.records import Evaluation, Run, Sweep

Sentence = tuple[str, str]
"""Source and reference. A sentence that the user entered has an empty reference."""


@dataclass(frozen=True)
class TranslationTable:
    """The translations of several evaluations side by side."""

    iterations: tuple[int, ...]
    """Iteration of each evaluation."""
    rows: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Source, reference, and one output per evaluation."""


@dataclass(frozen=True)
class TranslatingRun:
    """The run that represents a batch size, and its evaluations with translations."""

    run: Run
    evaluations: tuple[Evaluation, ...]
    """At least one, by iteration."""

    def position(self, evaluation: Evaluation, axis: Axis) -> float:
        """Return the position of an evaluation: samples or seconds trained before it."""
        if axis is Axis.SECONDS:
            return evaluation.training_seconds
        return float(evaluation.iteration * self.run.config.batch_size)


@dataclass(frozen=True)
class SizeTranslation:
    """How the model of one batch size translated a sentence at one evaluation."""

    batch_size: int
    evaluation: Evaluation
    output: str | None
    """`None` if the evaluation did not translate the sentence."""


def build_translation_table(
    evaluations: Sequence[Evaluation], columns: int = 3
) -> TranslationTable:
    """Return the translations of the first, the last and evenly spaced evaluations between."""
    count = len(evaluations)
    indices = np.unique(np.linspace(0, count - 1, min(columns, count)).round().astype(int))
    selected = [evaluations[index] for index in indices]
    outputs = [_read_outputs(each) for each in selected]
    rows = [
        (*sentence, tuple(output.get(sentence, "") for output in outputs))
        for sentence in _collect_sentences(selected)
    ]
    return TranslationTable(tuple(each.iteration for each in selected), tuple(rows))


def select_first_repeats(sweep: Sweep, engine: Engine) -> list[Run]:
    """Return the first finished repeat of each batch size, sorted by size."""
    first: dict[int, Run] = {}
    for run in list_finished_runs(sweep, engine):
        first.setdefault(run.config.batch_size, run)
    return list(first.values())


def select_translating_runs(
    runs: Sequence[Run], evaluations: Mapping[int, Sequence[Evaluation]]
) -> list[TranslatingRun]:
    """Return the runs that translated sentences, from evaluations by run id."""
    translated = [tuple(each for each in evaluations[run.id] if each.translations) for run in runs]
    return [TranslatingRun(run, each) for run, each in zip(runs, translated, strict=True) if each]


def list_sentences(runs: Sequence[TranslatingRun]) -> list[Sentence]:
    """Return the sentences that the runs translated, those that the user entered first."""
    sentences = _collect_sentences(each for run in runs for each in run.evaluations)
    return sorted(sentences, key=lambda sentence: bool(sentence[1]))


def find_common_extent(runs: Sequence[TranslatingRun], axis: Axis) -> float:
    """Return the last position that all runs were evaluated up to, or 0 if there are no runs."""
    return min((each.position(each.evaluations[-1], axis) for each in runs), default=0.0)


def select_translations(
    runs: Sequence[TranslatingRun], sentence: Sentence, axis: Axis, position: float
) -> list[SizeTranslation]:
    """Return each run's translation at its last evaluation up to `position`.

    On the axis of samples, the evaluation after the step that passes `position` still counts. A
    budget of samples is rounded up to whole batches, so runs are then compared at their ends.
    """
    translations = []
    for run in runs:
        size = run.run.config.batch_size
        earlier = [
            each
            for each in run.evaluations
            if run.position(each, axis) <= position
            or (axis is Axis.SAMPLES and 0 < each.iteration * size < position + size)
        ]
        if earlier:
            output = _read_outputs(earlier[-1]).get(sentence)
            translations.append(SizeTranslation(size, earlier[-1], output))
    return translations


def _collect_sentences(evaluations: Iterable[Evaluation]) -> list[Sentence]:
    """Return each translated sentence once, in the order of the evaluations."""
    sentences = [sentence for each in evaluations for sentence in _read_outputs(each)]
    return list(dict.fromkeys(sentences))


def _read_outputs(evaluation: Evaluation) -> dict[Sentence, str]:
    return {(each.source, each.reference): each.output for each in evaluation.translations}
