"""The translator: a GRU encoder and a GRU decoder, as in the article."""

import torch
from torch import Tensor, nn

from s2s.translation.fast.packed_gru import fast_dropout, packed_gru


class RecurrentLayers(nn.Module):
    """GRU layers, one module each, so that every layer's state at every step can be had."""

    def __init__(self, hidden_size: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.GRU(hidden_size, hidden_size) for _ in range(layers))

    def forward(self, inputs: Tensor, state: Tensor) -> list[Tensor]:
        """(T, B, H) inputs and (L, B, H) states before them -> the outputs of each layer."""
        outputs = []
        for layer, initial in zip(self.layers, state.unsqueeze(1), strict=True):
            inputs, _ = layer(inputs, initial)
            outputs.append(inputs)
        return outputs

    def packed(self, inputs: Tensor, state: Tensor, sizes: list[int]) -> list[Tensor]:
        """The same from (P, H) packed inputs: (P, H) outputs of each layer."""
        outputs = []
        for layer, initial in zip(self.layers, state, strict=True):
            assert isinstance(layer, nn.GRU)
            inputs = packed_gru(layer, inputs, initial, sizes)
            outputs.append(inputs)
        return outputs


class Encoder(nn.Module):
    def __init__(self, vocabulary: int, hidden_size: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, hidden_size)
        self.dropout = nn.Dropout(dropout)
        self.recurrent = RecurrentLayers(hidden_size, layers)

    def forward(self, source: Tensor, state: Tensor) -> list[Tensor]:
        """(S, B) word ids and (L, B, H) initial states -> (S, B, H) outputs of each layer."""
        outputs: list[Tensor] = self.recurrent(self.dropout(self.embedding(source)), state)
        return outputs

    def packed(self, source: Tensor, state: Tensor, sizes: list[int]) -> list[Tensor]:
        """(P,) packed word ids and (L, B, H) initial states -> (P, H) outputs of each layer."""
        inputs = fast_dropout(self.embedding(source), self.dropout.p if self.training else 0)
        return self.recurrent.packed(inputs, state, sizes)


class Decoder(nn.Module):
    def __init__(self, vocabulary: int, hidden_size: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, hidden_size)
        self.dropout = nn.Dropout(dropout)
        self.recurrent = RecurrentLayers(hidden_size, layers)
        self.out = nn.Linear(hidden_size, vocabulary)

    def forward(self, words: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """(T, B) input words and (L, B, H) states -> (T, B, H) top outputs and new states.

        The top outputs go through `out` to become logits over the target vocabulary.
        """
        inputs = torch.relu(self.dropout(self.embedding(words)))
        outputs: list[Tensor] = self.recurrent(inputs, state)
        return outputs[-1], torch.stack([output[-1] for output in outputs])

    def packed(self, words: Tensor, state: Tensor, sizes: list[int]) -> Tensor:
        """(P,) packed input words and (L, B, H) states -> (P, H) top outputs."""
        inputs = fast_dropout(self.embedding(words), self.dropout.p if self.training else 0)
        return self.recurrent.packed(torch.relu(inputs), state, sizes)[-1]


class Seq2Seq(nn.Module):
    """The article's encoder and decoder; `hidden_size` is the embeddings' width too."""

    def __init__(
        self,
        source_vocabulary: int,
        target_vocabulary: int,
        hidden_size: int = 128,
        layers: int = 1,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.hidden_size, self.layers = hidden_size, layers
        self.encoder = Encoder(source_vocabulary, hidden_size, layers, dropout)
        self.decoder = Decoder(target_vocabulary, hidden_size, layers, dropout)

    def initial_state(self, samples: int) -> Tensor:
        """(L, B, H) zeros: where the encoder starts."""
        weight = self.decoder.out.weight
        return weight.new_zeros(self.layers, samples, self.hidden_size)

    def encode(self, source: Tensor, lengths: Tensor) -> Tensor:
        """(S, B) word ids, (B,) lengths -> (L, B, H) states at each sentence's own end."""
        samples = source.shape[1]
        outputs = self.encoder(source, self.initial_state(samples))
        columns = torch.arange(samples, device=source.device)
        return torch.stack([output[lengths - 1, columns] for output in outputs])

    def encode_packed(self, source: Tensor, sizes: list[int], ends: Tensor) -> Tensor:
        """(P,) packed word ids, (B,) places of ends -> (L, B, H) states there, in their order."""
        outputs = self.encoder.packed(source, self.initial_state(len(ends)), sizes)
        return torch.stack([output.index_select(0, ends) for output in outputs])
