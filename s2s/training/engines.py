"""Engines: the gradients of a batch, computed in different ways.

The objective is the same, but for one thing: under `article` the encoder runs on through the
padding, so the two agree exactly only on batches whose sentences all have one length.

Each is a function of the model, a batch, whether it is teacher-forced, and the precision. It
sets every parameter's gradient of (loss sum / batch size) and returns the loss sum, detached.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from s2s.config import Engine, Precision
from s2s.data.batches import Batch
from s2s.model.loss import masked_loss_sum, projection_gradients
from s2s.model.seq2seq import Seq2Seq
from s2s.records import PAD, SOS


def article_gradients(
    model: Seq2Seq, batch: Batch, forced: bool, precision: Precision, state: Tensor | None = None
) -> Tensor:
    """Token by token, through the padding, the softmax at every cell, as the article does.

    `state`: (L, B, H) initial states of the encoder; zeros where not given.
    """
    del precision  # fp32 only; the configuration refuses others
    state = model.initial_state(batch.samples) if state is None else state
    for words in batch.source:
        outputs = model.encoder(words.unsqueeze(0), state)
        state = torch.stack([output[-1] for output in outputs])
    words = torch.full_like(batch.target[0], SOS)
    loss_sum = state.new_zeros(())
    for target in batch.target:
        hidden, state = model.decoder(words.unsqueeze(0), state)
        log_probabilities = model.decoder.out(hidden[0]).log_softmax(1)
        loss_sum = loss_sum + masked_loss_sum(log_probabilities, target)
        words = target if forced else log_probabilities.detach().argmax(1)
    torch.autograd.backward(loss_sum / batch.samples)
    return loss_sum.detach()


def fused_gradients(model: Seq2Seq, batch: Batch, forced: bool, precision: Precision) -> Tensor:
    """One recurrent call a side; projection and loss at real positions only, in chunks."""
    state = model.encode(batch.source, batch.source_lengths)
    if forced:
        hidden, _ = model.decoder(shifted(batch.target), state)
    else:
        hidden = _free_running(model, batch, state)
    real = (batch.target != PAD).flatten().nonzero().squeeze(1)
    at_real = hidden.flatten(0, 1).index_select(0, real)
    loss_sum, gradient = projection_gradients(
        at_real,
        model.decoder.out,
        batch.target.flatten().index_select(0, real),
        scale=1 / batch.samples,
        bf16=precision is Precision.BF16,
    )
    torch.autograd.backward(at_real, gradient)
    return loss_sum


def shifted(target: Tensor) -> Tensor:
    """(T, B) targets -> the decoder's (T, B) inputs under teacher forcing: SOS, then all but
    the last."""
    return torch.cat([torch.full_like(target[:1], SOS), target[:-1]])


def _free_running(model: Seq2Seq, batch: Batch, state: Tensor) -> Tensor:
    """(T, B, H) decoder outputs when each step is fed the word that it found likeliest."""
    words = torch.full_like(batch.target[:1], SOS)
    outputs = []
    for _ in range(len(batch.target)):
        hidden, state = model.decoder(words, state)
        outputs.append(hidden)
        with torch.no_grad():
            words = model.decoder.out(hidden).argmax(2)
    return torch.cat(outputs)


GRADIENTS: dict[Engine, Callable[[Seq2Seq, Batch, bool, Precision], Tensor]] = {
    Engine.ARTICLE: article_gradients,
    Engine.FUSED: fused_gradients,
}
