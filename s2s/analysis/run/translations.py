"""Sample translations side by side, so that a run's progress can be read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from s2s.records import Evaluation


@dataclass(frozen=True)
class TranslationTable:
    iterations: tuple[int, ...]
    """Of the shown evaluations."""
    rows: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Source, reference (empty for a user's own sentence), one output an iteration."""


def translation_table(evaluations: Sequence[Evaluation], columns: int = 3) -> TranslationTable:
    """The first and the last evaluation, and evenly chosen ones between."""
    count = len(evaluations)
    chosen = np.unique(np.linspace(0, count - 1, min(columns, count)).round().astype(int))
    shown = [evaluations[index] for index in chosen]
    sentences = dict.fromkeys(
        (each.source, each.reference) for one in shown for each in one.translations
    )
    outputs = [
        {(each.source, each.reference): each.output for each in one.translations} for one in shown
    ]
    return TranslationTable(
        tuple(one.iteration for one in shown),
        tuple(
            (*sentence, tuple(output.get(sentence, "") for output in outputs))
            for sentence in sentences
        ),
    )
