"""Greedy decoding: the most probable word at each step, until EOS."""

from dataclasses import dataclass

import torch
from torch import Tensor

from s2s.records import EOS, PAD, SOS
from s2s.translation.model import Seq2Seq

MAX_WORDS = 40


@dataclass(frozen=True)
class Decoded:
    """A decoded sentence."""

    word_ids: list[int]
    """Ids of the words before EOS."""
    probabilities: list[float]
    """Probability of each word, given the words before it."""
    finished: bool
    """Whether EOS came before the maximum length."""


@torch.no_grad()
def decode_greedily(
    model: Seq2Seq, source: Tensor, lengths: Tensor, max_words: int
) -> list[Decoded]:
    """Translate a batch of sentences into at most `max_words` words each.

    Args:
        source: (S, B) word ids, one sentence per column.
        lengths: (B,) tokens of each sentence.
    """
    model.eval()
    state = model.encode(source, lengths)
    word_ids = torch.full((source.shape[1],), SOS, device=source.device)
    is_finished = torch.zeros_like(word_ids, dtype=torch.bool)
    steps: list[tuple[Tensor, Tensor]] = []
    for _ in range(max_words + 1):  # one more step, for EOS
        hidden, state = model.decoder(word_ids.unsqueeze(0), state)
        probabilities = model.decoder.out(hidden[0]).softmax(1)
        probabilities[:, [PAD, SOS]] = 0.0  # never a target, so never learned
        highest, word_ids = probabilities.max(1)
        steps.append((word_ids, highest))
        is_finished |= word_ids == EOS
        if bool(is_finished.all()):
            break
    sentences, likelihoods = (
        torch.stack(column, 1).tolist() for column in zip(*steps, strict=True)
    )
    decoded = []
    for ids, values in zip(sentences, likelihoods, strict=True):
        end = ids.index(EOS) if EOS in ids else max_words
        decoded.append(Decoded(ids[:end], values[:end], EOS in ids))
    return decoded
