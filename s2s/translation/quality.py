"""Translation quality against references, by sacrebleu."""

from collections.abc import Sequence
from dataclasses import dataclass

import sacrebleu


@dataclass(frozen=True)
class Quality:
    bleu: float
    """0 to 100 (Papineni et al. 2002), as sacrebleu computes it by default."""
    chrf: float
    """0 to 100 (Popović 2015), chrF2."""
    sentences: int


def quality(outputs: Sequence[str], references: Sequence[Sequence[str]]) -> Quality:
    """Of one output a source sentence against all references that the sentence has."""
    # sacrebleu takes None for a reference that is not there; its annotations do not say so.
    most = max(len(each) for each in references)
    streams = [
        [each[number] if number < len(each) else None for each in references]
        for number in range(most)
    ]
    return Quality(
        sacrebleu.corpus_bleu(outputs, streams).score,  # type: ignore[arg-type]
        sacrebleu.corpus_chrf(outputs, streams).score,  # type: ignore[arg-type]
        len(outputs),
    )
