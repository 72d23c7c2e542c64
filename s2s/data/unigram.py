"""What a guess by word frequencies alone loses: the least that counts as having learnt."""

import numpy as np

from s2s.data.corpus import VALIDATION_PAIRS, Corpus, Ints, Side
from s2s.records import EOS


def unigram_loss_per_token(corpus: Corpus) -> float | None:
    """Nats a target token, EOS included, on the pairs that evaluations take.

    -sum(log p(w)) / n over their n tokens, where p(w) = (count of w + 1) / (tokens + words) in
    the training part: one is added (Laplace) so that a word never seen there, or one that the
    model only knows as UNK, does not cost infinitely much. None where there is no validation
    part.
    """
    held_out = corpus.validation[:VALIDATION_PAIRS]
    if not held_out:
        return None
    seen = _tokens(corpus.target, corpus.training)
    counts = np.bincount(seen, minlength=corpus.target.vocabulary)[EOS:] + 1
    log_share = np.log(counts / counts.sum())
    return float(-log_share[_tokens(corpus.target, held_out) - EOS].mean())


def _tokens(side: Side, part: range) -> Ints:
    """As the model sees them."""
    return side.model_tokens()[side.offsets[part.start] : side.offsets[part.stop]]
