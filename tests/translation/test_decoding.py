"""Greedy decoding on models whose answer is known beforehand."""

import pytest
import torch

from s2s.records import EOS, PAD, SOS
from s2s.translation.decoding import greedy
from s2s.translation.model import Seq2Seq


def always(biases: dict[int, float]) -> Seq2Seq:
    """A model whose logits are these biases whatever it reads; 0 elsewhere."""
    model = Seq2Seq(10, 6, hidden_size=4, dropout=0.0)
    with torch.no_grad():
        model.decoder.out.weight.zero_()
        model.decoder.out.bias.zero_()
        for word, bias in biases.items():
            model.decoder.out.bias[word] = bias
    return model


SOURCE, LENGTHS = torch.tensor([[4, 5], [2, 2]]), torch.tensor([2, 2])


def test_stops_at_eos() -> None:
    first, second = greedy(always({EOS: 5.0}), SOURCE, LENGTHS, max_words=7)
    assert first.words == second.words == []
    assert first.finished
    assert first.probabilities == []


def test_is_cut_at_the_limit_and_says_so() -> None:
    first, _ = greedy(always({4: 5.0}), SOURCE, LENGTHS, max_words=7)
    assert first.words == [4] * 7
    assert not first.finished
    e5 = float(torch.tensor(5.0).exp())
    assert first.probabilities == pytest.approx([e5 / (e5 + 5)] * 7)


def test_never_says_pad_or_sos() -> None:
    first, _ = greedy(always({PAD: 9.0, SOS: 9.0, 5: 1.0}), SOURCE, LENGTHS, max_words=2)
    assert first.words == [5, 5]


def test_a_translation_does_not_depend_on_its_neighbours() -> None:
    torch.manual_seed(3)
    model = Seq2Seq(10, 6, hidden_size=8, dropout=0.2)
    padded, lengths = torch.tensor([[4, 5], [6, 2], [7, 0], [2, 0]]), torch.tensor([4, 2])
    together = greedy(model, padded, lengths, max_words=5)
    alone = greedy(model, padded[:2, 1:], lengths[1:], max_words=5)
    assert together[1].words == alone[0].words
    assert together[1].probabilities == pytest.approx(alone[0].probabilities, rel=1e-5)
