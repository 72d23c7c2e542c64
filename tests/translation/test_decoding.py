"""Greedy decoding with models whose output is known."""

import pytest
import torch

from s2s.records import EOS, PAD, SOS
from s2s.translation.decoding import decode_greedily
from s2s.translation.model import Seq2Seq

SOURCE, LENGTHS = torch.tensor([[4, 5], [2, 2]]), torch.tensor([2, 2])
E5 = float(torch.tensor(5.0).exp())


@pytest.mark.parametrize(
    ("logits", "words", "finished"),
    [
        ({EOS: 5.0}, [], True),
        ({4: 5.0}, [4] * 7, False),  # cut at the limit
        ({PAD: 9.0, SOS: 9.0, 5: 5.0}, [5] * 7, False),  # PAD and SOS are never an output
    ],
)
def test_a_model_whose_logits_are_constant(
    logits: dict[int, float], words: list[int], finished: bool
) -> None:
    model = Seq2Seq(10, 6, hidden_size=4, dropout=0.0)
    with torch.no_grad():
        model.decoder.out.weight.zero_()
        model.decoder.out.bias.zero_()
        for word, logit in logits.items():
            model.decoder.out.bias[word] = logit
    for decoded in decode_greedily(model, SOURCE, LENGTHS, max_words=7):
        assert (decoded.word_ids, decoded.finished) == (words, finished)
        if PAD not in logits:
            assert decoded.probabilities == pytest.approx([E5 / (E5 + 5)] * len(words))


def test_a_translation_does_not_depend_on_its_batch() -> None:
    torch.manual_seed(3)
    model = Seq2Seq(10, 6, hidden_size=8, dropout=0.2)
    padded, lengths = torch.tensor([[4, 5], [6, 2], [7, 0], [2, 0]]), torch.tensor([4, 2])
    together = decode_greedily(model, padded, lengths, max_words=5)
    [single] = decode_greedily(model, padded[:2, 1:], lengths[1:], max_words=5)
    assert together[1].word_ids == single.word_ids
    assert together[1].probabilities == pytest.approx(single.probabilities, rel=1e-5)
