"""Batches of training: the corpus resident on a device, drawn by index, and padded."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from s2s.data.corpus import Corpus, Side
from s2s.records import PAD


@dataclass(frozen=True)
class Batch:
    """Time runs down, sentences across: column b holds sentence b, EOS, then PAD."""

    source: Tensor
    """(S, B) word ids, int64."""
    source_lengths: Tensor
    """(B,) tokens of each sentence, EOS included."""
    target: Tensor
    """(T, B)"""
    target_lengths: Tensor
    """(B,)"""
    source_tokens: int
    """Real tokens, EOS included."""
    target_tokens: int

    @property
    def samples(self) -> int:
        return self.source.shape[1]

    @property
    def cells(self) -> int:
        """Places of both sides, padding included."""
        return self.source.numel() + self.target.numel()


class Batches:
    """A corpus as tensors on `device`, every word outside the vocabulary already UNK."""

    def __init__(self, corpus: Corpus, device: torch.device, *, joint_padding: bool) -> None:
        """`joint_padding`: pad both sides to the longer of the two, as the article does."""
        self.joint_padding = joint_padding
        self._source = _Resident(corpus.source, device)
        self._target = _Resident(corpus.target, device)

    def batch(self, indices: npt.NDArray[np.int64]) -> Batch:
        """The pairs at `indices` (B,), in this order."""
        source_lengths = self._source.lengths[indices]
        target_lengths = self._target.lengths[indices]
        source_steps, target_steps = int(source_lengths.max()), int(target_lengths.max())
        if self.joint_padding:
            source_steps = target_steps = max(source_steps, target_steps)
        source, source_lengths_there = self._source.padded(indices, source_steps)
        target, target_lengths_there = self._target.padded(indices, target_steps)
        return Batch(
            source,
            source_lengths_there,
            target,
            target_lengths_there,
            int(source_lengths.sum()),
            int(target_lengths.sum()),
        )


class _Resident:
    def __init__(self, side: Side, device: torch.device) -> None:
        self.lengths = side.lengths().astype(np.int64)
        """Kept on the processor too: the shape of a batch is known without asking the device."""
        self._tokens = torch.from_numpy(side.model_tokens()).to(device)
        self._starts = torch.from_numpy(side.offsets[:-1].astype(np.int64)).to(device)
        self._lengths = torch.from_numpy(self.lengths).to(device)

    def padded(self, indices: npt.NDArray[np.int64], steps: int) -> tuple[Tensor, Tensor]:
        """(steps, B) word ids and (B,) lengths."""
        there = torch.from_numpy(indices).to(self._starts.device)
        lengths = self._lengths[there]
        position = torch.arange(steps, device=lengths.device).unsqueeze(1)
        real = position < lengths
        places = torch.where(real, self._starts[there] + position, 0)
        return torch.where(real, self._tokens[places], PAD).long(), lengths


def pad(sentences: list[list[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """(S, B) word ids and (B,) lengths of sentences given as lists of ids, EOS included."""
    lengths = torch.tensor([len(sentence) for sentence in sentences])
    padded = torch.full((int(lengths.max()), len(sentences)), PAD)
    for column, sentence in enumerate(sentences):
        padded[: len(sentence), column] = torch.tensor(sentence)
    return padded.to(device), lengths.to(device)
