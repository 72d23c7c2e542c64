"""Batches of training: the corpus resident on a device, drawn by index, padded or packed."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from s2s.data.corpus import Corpus, Side
from s2s.records import PAD, SOS

Ints = npt.NDArray[np.int64]


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
    def padded_tokens(self) -> int:
        """Places of both sides, padding included."""
        return self.source.numel() + self.target.numel()


@dataclass(frozen=True)
class PackedSide:
    """One side's real tokens: sentences from long to short, all first tokens, then all second..."""

    tokens: Tensor
    """(P,) word ids, int64, EOS included."""
    before: Tensor
    """(P,) the word before each token in its sentence, SOS before the first."""
    sizes: list[int]
    """Sentences that have a first token, a second one, ...: as long as the longest sentence."""


@dataclass(frozen=True)
class PackedBatch:
    """A batch without padding; each side is sorted by its own lengths."""

    source: PackedSide
    target: PackedSide
    handover: Tensor
    """(B,) for each target sentence, in its order, where the EOS of its source lies."""

    @property
    def samples(self) -> int:
        return len(self.handover)

    @property
    def source_tokens(self) -> int:
        """Real tokens, EOS included."""
        return len(self.source.tokens)

    @property
    def target_tokens(self) -> int:
        return len(self.target.tokens)

    @property
    def padded_tokens(self) -> int:
        """Places of both sides: there is no padding."""
        return self.source_tokens + self.target_tokens


@dataclass(frozen=True)
class FixedBatch:
    """A batch in a shape that was chosen beforehand, the same for many batches."""

    source: Tensor
    """(S, B) word ids, PAD behind each sentence."""
    source_ends: Tensor
    """(B,) which of the S * B cells holds each sentence's EOS."""
    before: Tensor
    """(T, B) the word before each target token, SOS first; behind the sentence no matter."""
    rows: Tensor
    """(R,) which of the T * B cells holds each real target token, sentence by sentence; beyond
    the last one 0."""
    targets: Tensor
    """(R,) the tokens there."""
    real: Tensor
    """(R,) bool: False beyond the last one."""


class Batches:
    """A corpus as tensors on `device`, every word outside the vocabulary already UNK."""

    def __init__(self, corpus: Corpus, device: torch.device) -> None:
        self._source = _Resident(corpus.source, device)
        self._target = _Resident(corpus.target, device)

    def padded(self, indices: Ints, *, joint: bool = False) -> Batch:
        """The pairs at `indices` (B,), in this order.

        `joint`: both sides padded to the longer of the two, as the article does.
        """
        source_lengths = self._source.lengths[indices]
        target_lengths = self._target.lengths[indices]
        source_steps, target_steps = int(source_lengths.max()), int(target_lengths.max())
        if joint:
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

    def lengths(self, indices: Ints) -> tuple[Ints, Ints]:
        """(B,) tokens of each source and of each target, EOS included, without the device."""
        return self._source.lengths[indices], self._target.lengths[indices]

    def longest(self) -> tuple[int, int]:
        """Tokens of the longest source and of the longest target."""
        return self._source.longest, self._target.longest

    def fixed(self, there: Tensor, source_steps: int, target_steps: int, rows: int) -> FixedBatch:
        """The pairs at `there` (B,), on the device, in shapes that only the arguments decide.

        The caller sees to it that the sentences fit in the steps and the target tokens in `rows`:
        nothing here looks at a value, so that nothing waits for the device.
        """
        samples = len(there)
        columns = torch.arange(samples, device=there.device)
        source, source_lengths = self._source.gathered(there, source_steps)
        target, lengths = self._target.gathered(there, target_steps)
        through = lengths.cumsum(0)
        row = torch.arange(rows, device=there.device)
        column = torch.searchsorted(through, row, right=True).clamp_(max=samples - 1)
        real = row < through[-1]
        step = row - (through - lengths)[column]
        cells = torch.where(real, step * samples + column, 0)
        return FixedBatch(
            source,
            (source_lengths - 1) * samples + columns,
            torch.cat([torch.full_like(target[:1], SOS), target[:-1]]),
            cells,
            target.view(-1)[cells],
            real,
        )

    def packed(self, indices: Ints) -> PackedBatch:
        """The pairs at `indices` (B,), without padding."""
        source, source_order, source_ends = self._source.packed(indices)
        target, target_order, _ = self._target.packed(indices)
        ends = np.empty_like(source_ends)
        ends[source_order] = source_ends
        return PackedBatch(source, target, self._source.there(ends[target_order]))


class _Resident:
    def __init__(self, side: Side, device: torch.device) -> None:
        self.lengths = side.lengths().astype(np.int64)
        """Kept on the processor too: the shape of a batch is known without asking the device."""
        self.longest = int(self.lengths.max())
        self._offsets = side.offsets[:-1].astype(np.int64)
        self._tokens = torch.from_numpy(side.model_tokens().astype(np.int64)).to(device)
        self._starts = torch.from_numpy(self._offsets).to(device)
        self._before = self._tokens.roll(1).index_fill_(0, self._starts, SOS)
        self._lengths = torch.from_numpy(self.lengths).to(device)

    def padded(self, indices: Ints, steps: int) -> tuple[Tensor, Tensor]:
        """(steps, B) word ids and (B,) lengths."""
        return self.gathered(self.there(indices), steps)

    def gathered(self, there: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """The same for (B,) indices on the device."""
        lengths = self._lengths[there]
        position = torch.arange(steps, device=lengths.device).unsqueeze(1)
        real = position < lengths
        places = torch.where(real, self._starts[there] + position, 0)
        return torch.where(real, self._tokens[places], PAD), lengths

    def packed(self, indices: Ints) -> tuple[PackedSide, Ints, Ints]:
        """The side, and for each of its sentences (B,) which of `indices` it is, and where its
        EOS lies."""
        lengths = self.lengths[indices]
        order = np.argsort(-lengths, kind="stable")
        lengths = lengths[order]
        steps = np.arange(lengths[0])
        real = steps[:, None] < lengths
        places = (self._offsets[indices[order]] + steps[:, None])[real]
        sizes = real.sum(1)
        ends = (sizes.cumsum() - sizes)[lengths - 1] + np.arange(len(indices))
        at = self.there(places)
        tokens, before = self._tokens.index_select(0, at), self._before.index_select(0, at)
        return PackedSide(tokens, before, sizes.tolist()), order, ends

    def there(self, values: Ints) -> Tensor:
        """On the device; the copy to a GPU does not wait for it."""
        return sent(values, self._tokens.device)


def sent(values: Ints, device: torch.device) -> Tensor:
    """`values` on `device`. A GPU reads them when its turn comes, from memory that torch keeps
    from being used again until then."""
    here = torch.from_numpy(values)
    if device.type == "cuda":
        here = here.pin_memory()
    return here.to(device, non_blocking=True)


def pad(sentences: list[list[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """(S, B) word ids and (B,) lengths of sentences given as lists of ids, EOS included."""
    lengths = torch.tensor([len(sentence) for sentence in sentences])
    padded = torch.full((int(lengths.max()), len(sentences)), PAD)
    for column, sentence in enumerate(sentences):
        padded[: len(sentence), column] = torch.tensor(sentence)
    return padded.to(device), lengths.to(device)
