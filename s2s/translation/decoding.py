"""Greedy decoding: the likeliest word at each step, until EOS."""

from dataclasses import dataclass

import torch
from torch import Tensor

from s2s.records import EOS, PAD, SOS
from s2s.translation.model import Seq2Seq


@dataclass(frozen=True)
class Decoded:
    words: list[int]
    """Word ids, without EOS."""
    probabilities: list[float]
    """Of each word, given those before it."""
    finished: bool
    """False where the length limit came before EOS."""


@torch.no_grad()
def greedy(model: Seq2Seq, source: Tensor, lengths: Tensor, max_words: int) -> list[Decoded]:
    """(S, B) word ids and (B,) lengths -> one translation of at most `max_words` a column."""
    model.eval()
    state = model.encode(source, lengths)
    words = torch.full((1, source.shape[1]), SOS, device=source.device)
    done = torch.zeros(source.shape[1], dtype=torch.bool, device=source.device)
    steps: list[Tensor] = []
    chances: list[Tensor] = []
    for _ in range(max_words + 1):  # one more, for EOS
        hidden, state = model.decoder(words, state)
        probabilities = model.decoder.out(hidden[0]).softmax(1)
        probabilities[:, [PAD, SOS]] = 0.0  # never a target, so never learnt
        chance, word = probabilities.max(1)
        steps.append(word)
        chances.append(chance)
        done |= word == EOS
        if bool(done.all()):
            break
        words = word.unsqueeze(0)
    ids, values = torch.stack(steps).t().tolist(), torch.stack(chances).t().tolist()
    return [_until_end(row, chance, max_words) for row, chance in zip(ids, values, strict=True)]


def _until_end(words: list[int], probabilities: list[float], max_words: int) -> Decoded:
    finished = EOS in words
    end = words.index(EOS) if finished else max_words
    return Decoded(words[:end], probabilities[:end], finished)
