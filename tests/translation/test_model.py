"""Shapes and states of the encoder and decoder."""

import pytest
import torch

from s2s.translation.model import Seq2Seq


@pytest.fixture
def model() -> Seq2Seq:
    torch.manual_seed(0)
    return Seq2Seq(10, 9, hidden_size=4, layers=2, dropout=0.0)


def test_the_state_is_taken_at_each_sentences_own_end(model: Seq2Seq) -> None:
    padded = torch.tensor([[4, 5], [6, 2], [7, 0], [2, 0]])
    states = model.encode(padded, torch.tensor([4, 2]))
    alone = model.encode(padded[:2, 1:], torch.tensor([2]))
    assert states.shape == (2, 2, 4)
    torch.testing.assert_close(states[:, 1:], alone)


def test_layers_equal_torchs_own_stack(model: Seq2Seq) -> None:
    stack = torch.nn.GRU(4, 4, num_layers=2)
    stack.load_state_dict(
        {
            name.replace("l0", f"l{layer}"): value
            for layer, gru in enumerate(model.encoder.recurrent.layers)
            for name, value in gru.state_dict().items()
        }
    )
    source = torch.tensor([[4, 5], [6, 7], [2, 2]])
    _, expected = stack(model.encoder.embedding(source))
    torch.testing.assert_close(model.encode(source, torch.tensor([3, 3])), expected)


def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(0)
    model = Seq2Seq(10, 9, hidden_size=64, dropout=0.5)
    source, lengths = torch.tensor([[4], [5], [2]]), torch.tensor([3])
    assert not torch.equal(model.encode(source, lengths), model.encode(source, lengths))
    model.eval()
    assert torch.equal(model.encode(source, lengths), model.encode(source, lengths))
