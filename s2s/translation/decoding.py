"""Greedy decoding: the most probable word at each step, until EOS."""

from dataclasses import dataclass

import torch
from torch import Tensor

from s2s.records import EOS, PAD, SOS
from s2s.translation.model import Seq2Seq

MAX_WORDS = 40


@dataclass(frozen=True)
class Decoded:
    words: list[int]
    """Word ids, without EOS."""
    probabilities: list[float]
    """Probability of each word, given the words before it."""
    finished: bool
    """False if the length limit came before EOS."""


@torch.no_grad()
def decode_greedily(
    model: Seq2Seq, source: Tensor, lengths: Tensor, max_words: int
) -> list[Decoded]:
    """Translate a batch of sentences.

    Args:
        source: (S, B) word ids, one sentence per column.
        lengths: (B,) tokens of each sentence.
        max_words: Maximum number of words per translation.
    """
    model.eval()
    state = model.encode(source, lengths)
    words = torch.full((1, source.shape[1]), SOS, device=source.device)
    done = torch.zeros(source.shape[1], dtype=torch.bool, device=source.device)
    all_words: list[Tensor] = []
    all_probabilities: list[Tensor] = []
    for _ in range(max_words + 1):  # one more, for EOS
        hidden, state = model.decoder(words, state)
        probabilities = model.decoder.out(hidden[0]).softmax(1)
        probabilities[:, [PAD, SOS]] = 0.0  # never a target, so never learned
        probability, word = probabilities.max(1)
        all_words.append(word)
        all_probabilities.append(probability)
        done |= word == EOS
        if bool(done.all()):
            break
        words = word.unsqueeze(0)
    columns = (torch.stack(rows).t().tolist() for rows in (all_words, all_probabilities))
    decoded = []
    for ids, values in zip(*columns, strict=True):
        end = ids.index(EOS) if EOS in ids else max_words
        decoded.append(Decoded(ids[:end], values[:end], EOS in ids))
    return decoded
