"""Batches of a corpus, made on a device: padded, packed, or of a fixed shape."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from s2s.data.corpus import Corpus, Side
from s2s.records import PAD, SOS

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """A padded batch of B pairs, time first: column b holds sentence b, EOS, then PAD."""

    source: Tensor
    """(S, B) word ids, int64."""
    target: Tensor
    """(T, B) word ids."""
    source_tokens: int
    """Tokens of the source sentences, EOS included, without padding."""
    target_tokens: int

    @property
    def samples(self) -> int:
        return self.source.shape[1]

    @property
    def padded_tokens(self) -> int:
        """Number of positions on both sides, padding included."""
        return self.source.numel() + self.target.numel()


@dataclass(frozen=True)
class PackedSide:
    """The P real tokens of one side, in the layout of torch's PackedSequence.

    Sentences are sorted from long to short. Tokens are in step order: all first tokens, then all
    second tokens, and so on.
    """

    tokens: Tensor
    """(P,) word ids, int64, EOS included."""
    inputs: Tensor
    """(P,) the word before each token in its sentence, SOS before the first: decoder inputs."""
    batch_sizes: list[int]
    """Item t is the number of sentences with more than t tokens."""


@dataclass(frozen=True)
class PackedBatch:
    """A batch without padding. Each side is sorted by its own lengths."""

    source: PackedSide
    target: PackedSide
    source_end_positions: Tensor
    """(B,) position of each source's EOS among the source tokens, in the order of the targets."""

    @property
    def samples(self) -> int:
        return len(self.source_end_positions)

    @property
    def source_tokens(self) -> int:
        return len(self.source.tokens)

    @property
    def target_tokens(self) -> int:
        return len(self.target.tokens)

    @property
    def padded_tokens(self) -> int:
        return self.source_tokens + self.target_tokens


@dataclass(frozen=True)
class FixedBatch:
    """A padded batch whose shape does not depend on its sentences.

    The output layer gets R rows, where R is at least the number of target tokens.
    """

    source: Tensor
    """(S, B) word ids, PAD after each sentence."""
    source_end_positions: Tensor
    """(B,) index of each sentence's EOS among the S * B positions."""
    inputs: Tensor
    """(T, B) the word before each target token, SOS before the first."""
    positions: Tensor
    """(R,) index of each real target token among the T * B positions, sentence by sentence. The
    indices after the last real token are 0."""
    targets: Tensor
    """(R,) the target tokens at these positions."""
    is_real: Tensor
    """(R,) bool, False after the last real token."""


class BatchMaker:
    """Makes batches of a corpus on a device. Words outside the vocabulary become UNK."""

    def __init__(self, corpus: Corpus, device: torch.device) -> None:
        self._device = device
        self._source = _DeviceSide(corpus.source, device)
        self._target = _DeviceSide(corpus.target, device)
        self.longest_source = int(self._source.lengths.max())
        """Tokens of the longest source sentence."""
        self.longest_target = int(self._target.lengths.max())

    def get_lengths(self, indices: Ints) -> tuple[Ints, Ints]:
        """Return the (B,) lengths of the sources and of the targets in tokens, EOS included."""
        return self._source.lengths[indices], self._target.lengths[indices]

    def make_padded(self, indices: Ints, *, joint: bool = False) -> Batch:
        """Return the pairs at `indices` (B,), in this order.

        Args:
            joint: Pad both sides to the same length, as the article does.
        """
        source_lengths, target_lengths = self.get_lengths(indices)
        source_steps, target_steps = int(source_lengths.max()), int(target_lengths.max())
        if joint:
            source_steps = target_steps = max(source_steps, target_steps)
        device_indices = to_device(indices, self._device)
        return Batch(
            self._source.gather_padded(device_indices, source_steps)[0],
            self._target.gather_padded(device_indices, target_steps)[0],
            int(source_lengths.sum()),
            int(target_lengths.sum()),
        )

    def make_packed(self, indices: Ints) -> PackedBatch:
        """Return the pairs at `indices` (B,), without padding."""
        source, source_order, source_ends = self._source.pack(indices)
        target, target_order, _ = self._target.pack(indices)
        ends = np.empty_like(source_ends)
        ends[source_order] = source_ends
        return PackedBatch(source, target, to_device(ends[target_order], self._device))

    def make_fixed(
        self, indices: Tensor, source_steps: int, target_steps: int, rows: int
    ) -> FixedBatch:
        """Return a batch of a given shape, without waiting for the device.

        Args:
            indices: (B,) pairs, on the device.
            source_steps: S, at least the number of tokens of the longest source.
            target_steps: T, at least the number of tokens of the longest target.
            rows: R, at least the number of target tokens.
        """
        samples = len(indices)
        source, source_lengths = self._source.gather_padded(indices, source_steps)
        target, lengths = self._target.gather_padded(indices, target_steps)
        ends = lengths.cumsum(0)
        row = torch.arange(rows, device=indices.device)
        column = torch.searchsorted(ends, row, right=True).clamp_(max=samples - 1)
        is_real = row < ends[-1]
        step = row - (ends - lengths)[column]
        positions = torch.where(is_real, step * samples + column, 0)
        return FixedBatch(
            source,
            (source_lengths - 1) * samples + torch.arange(samples, device=indices.device),
            torch.cat([torch.full_like(target[:1], SOS), target[:-1]]),
            positions,
            target.view(-1)[positions],
            is_real,
        )


class _DeviceSide:
    """One side of the corpus on the device."""

    def __init__(self, side: Side, device: torch.device) -> None:
        self.lengths = side.lengths.astype(np.int64)
        """Kept on the CPU, so that the shape of a batch is known without waiting for the device."""
        self._offsets = side.offsets[:-1].astype(np.int64)
        self._tokens = torch.from_numpy(side.replace_unknown_words().astype(np.int64)).to(device)
        self._starts = torch.from_numpy(self._offsets).to(device)
        self._inputs = self._tokens.roll(1).index_fill_(0, self._starts, SOS)
        self._device_lengths = torch.from_numpy(self.lengths).to(device)

    def gather_padded(self, indices: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """Return (steps, B) word ids and (B,) lengths of the sentences at `indices`."""
        lengths = self._device_lengths[indices]
        positions = torch.arange(steps, device=lengths.device).unsqueeze(1)
        is_real = positions < lengths
        token_indices = torch.where(is_real, self._starts[indices] + positions, 0)
        return torch.where(is_real, self._tokens[token_indices], PAD), lengths

    def pack(self, indices: Ints) -> tuple[PackedSide, Ints, Ints]:
        """Return the packed side, the order from long to short, and the EOS positions."""
        lengths = self.lengths[indices]
        order = np.argsort(-lengths, kind="stable")
        lengths = lengths[order]
        steps = np.arange(lengths[0])[:, None]
        is_real = steps < lengths
        batch_sizes = is_real.sum(1)
        step_starts = batch_sizes.cumsum() - batch_sizes
        ends = step_starts[lengths - 1] + np.arange(len(indices))
        index = to_device((self._offsets[indices[order]] + steps)[is_real], self._tokens.device)
        tokens, inputs = self._tokens.index_select(0, index), self._inputs.index_select(0, index)
        return PackedSide(tokens, inputs, batch_sizes.tolist()), order, ends


def to_device(values: Ints, device: torch.device) -> Tensor:
    """Start a copy to the device. torch keeps the pinned memory until the copy is done."""
    tensor = torch.from_numpy(values)
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def pad(sentences: list[list[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Pad sentences; return their word ids (S, B) and their lengths (B,)."""
    padded = pad_sequence([torch.tensor(sentence) for sentence in sentences], padding_value=PAD)
    lengths = torch.tensor([len(sentence) for sentence in sentences])
    return padded.to(device), lengths.to(device)
