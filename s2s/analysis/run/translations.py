"""Sample translations of several evaluations side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from s2s.records import Evaluation


@dataclass(frozen=True)
class TranslationTable:
    """A row per sentence, a column per evaluation."""

    iterations: tuple[int, ...]
    """Iterations of the evaluations."""
    rows: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Source, reference (empty for a user's own sentence), one output per evaluation."""


def build_translation_table(
    evaluations: Sequence[Evaluation], columns: int = 3
) -> TranslationTable:
    """Return the translations of at most `columns` evaluations, evenly spaced, ends included."""
    count = len(evaluations)
    indices = np.unique(np.linspace(0, count - 1, min(columns, count)).round().astype(int))
    selected = [evaluations[index] for index in indices]
    sentences = dict.fromkeys(
        (each.source, each.reference) for one in selected for each in one.translations
    )
    outputs = [
        {(each.source, each.reference): each.output for each in one.translations}
        for one in selected
    ]
    rows = [(*pair, tuple(each.get(pair, "") for each in outputs)) for pair in sentences]
    return TranslationTable(tuple(one.iteration for one in selected), tuple(rows))
