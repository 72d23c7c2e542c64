"""Packed and padded batches, by hand and against each other."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from s2s.records import EOS, PAD, SOS
from tests.tiny import batches_of

words = st.lists(st.integers(4, 20), max_size=5).map(lambda ids: [*ids, EOS])
pairs = st.lists(st.tuples(words, words), min_size=1, max_size=6)


def test_a_packed_batch_by_hand() -> None:
    batches = batches_of([[5, 2], [6, 7, 2], [8, 2]], [[15, 16, 2], [2], [17, 2]])
    batch = batches.make_packed(np.array([0, 1, 2]))
    # Sources from long to short: 1, 0, 2; targets: 0, 2, 1.
    assert batch.source.tokens.tolist() == [6, 5, 8, 7, 2, 2, 2]
    assert batch.source.batch_sizes == [3, 3, 1]
    assert batch.target.tokens.tolist() == [15, 17, 2, 16, 2, 2]
    assert batch.target.inputs.tolist() == [SOS, SOS, SOS, 15, 17, 16]
    assert batch.source_end_positions.tolist() == [4, 5, 6]
    assert (batch.samples, batch.source_tokens, batch.target_tokens, batch.padded_tokens) == (
        3,
        7,
        6,
        13,
    )


@given(pairs, st.data())
def test_packed_and_padded_hold_the_same_sentences(
    pairs: list[tuple[list[int], list[int]]], data: st.DataObject
) -> None:
    sources, targets = map(list, zip(*pairs, strict=True))
    batches = batches_of(sources, targets)
    indices = np.array(data.draw(st.lists(st.integers(0, len(pairs) - 1), min_size=1, max_size=8)))
    packed, padded = batches.make_packed(indices), batches.make_padded(indices)
    assert packed.source_tokens == padded.source_tokens == int((padded.source != PAD).sum())
    assert packed.target_tokens == padded.target_tokens == int((padded.target != PAD).sum())
    unpacked = []
    for side in (packed.source, packed.target):
        columns: list[list[int]] = [[] for _ in indices]
        for step in side.tokens.split(side.batch_sizes):
            for column, word in enumerate(step.tolist()):
                columns[column].append(word)
        unpacked.append(columns)
    assert (packed.source.tokens[packed.source_end_positions] == EOS).all()
    starts = np.cumsum([0, *packed.source.batch_sizes])
    columns_of = [end - starts[starts <= end][-1] for end in packed.source_end_positions.tolist()]
    together = [
        (unpacked[0][column], target)
        for column, target in zip(columns_of, unpacked[1], strict=True)
    ]
    assert sorted(together) == sorted((sources[i], targets[i]) for i in indices)
