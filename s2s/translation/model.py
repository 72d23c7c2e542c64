"""The model: a GRU encoder and a GRU decoder, as in the article."""

import torch
from torch import Tensor, nn

from s2s.data.batches import PackedBatch
from s2s.translation.fast.packed_gru import fast_dropout, packed_gru


class RecurrentLayers(nn.Module):
    """Stack of GRU layers, each a module of its own.

    One multi-layer nn.GRU would return only the outputs of its last layer.
    """

    def __init__(self, hidden_size: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.GRU(hidden_size, hidden_size) for _ in range(layers))

    def forward(self, inputs: Tensor, state: Tensor) -> list[Tensor]:
        """Return each layer's (T, B, H) outputs from (T, B, H) inputs and (L, B, H) states."""
        outputs = []
        for layer, initial in zip(self.layers, state.unsqueeze(1), strict=True):
            inputs, _ = layer(inputs, initial)
            outputs.append(inputs)
        return outputs

    def forward_packed(self, inputs: Tensor, state: Tensor, sizes: list[int]) -> list[Tensor]:
        """Return each layer's (P, H) outputs from (P, H) packed inputs."""
        outputs = []
        for layer, initial in zip(self.layers, state, strict=True):
            assert isinstance(layer, nn.GRU)
            inputs = packed_gru(layer, inputs, initial, sizes)
            outputs.append(inputs)
        return outputs


class Encoder(nn.Module):
    """Encoder of source sentences: embedding, dropout and GRU layers."""

    def __init__(self, vocabulary_size: int, hidden_size: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, hidden_size)
        self.dropout = nn.Dropout(dropout)
        self.recurrent = RecurrentLayers(hidden_size, layers)

    def forward(self, source: Tensor, state: Tensor) -> list[Tensor]:
        """Return each layer's (S, B, H) outputs from (S, B) word ids and (L, B, H) states."""
        outputs: list[Tensor] = self.recurrent(self.dropout(self.embedding(source)), state)
        return outputs

    def forward_packed(self, source: Tensor, state: Tensor, sizes: list[int]) -> list[Tensor]:
        """Return each layer's (P, H) outputs from (P,) packed word ids."""
        inputs = fast_dropout(self.embedding(source), self.dropout.p if self.training else 0)
        return self.recurrent.forward_packed(inputs, state, sizes)


class Decoder(nn.Module):
    """Decoder of target sentences: embedding, dropout, ReLU, GRU layers and the output layer."""

    def __init__(self, vocabulary_size: int, hidden_size: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, hidden_size)
        self.dropout = nn.Dropout(dropout)
        self.recurrent = RecurrentLayers(hidden_size, layers)
        self.out = nn.Linear(hidden_size, vocabulary_size)

    def forward(self, words: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return the last GRU layer's (T, B, H) outputs, and the new (L, B, H) states."""
        inputs = torch.relu(self.dropout(self.embedding(words)))
        outputs: list[Tensor] = self.recurrent(inputs, state)
        return outputs[-1], torch.stack([output[-1] for output in outputs])

    def forward_packed(self, words: Tensor, state: Tensor, sizes: list[int]) -> Tensor:
        """Return the last GRU layer's (P, H) outputs from (P,) packed word ids."""
        inputs = fast_dropout(self.embedding(words), self.dropout.p if self.training else 0)
        return self.recurrent.forward_packed(torch.relu(inputs), state, sizes)[-1]


class Seq2Seq(nn.Module):
    """The article's encoder and decoder. Their embeddings have `hidden_size` values per word."""

    def __init__(
        self,
        source_vocabulary_size: int,
        target_vocabulary_size: int,
        hidden_size: int = 128,
        layers: int = 1,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.hidden_size, self.layers = hidden_size, layers
        self.encoder = Encoder(source_vocabulary_size, hidden_size, layers, dropout)
        self.decoder = Decoder(target_vocabulary_size, hidden_size, layers, dropout)

    @property
    def embeddings(self) -> tuple[nn.Embedding, nn.Embedding]:
        return self.encoder.embedding, self.decoder.embedding

    def build_initial_state(self, samples: int) -> Tensor:
        """Return zeros as the encoder's (L, B, H) initial states."""
        return self.decoder.out.weight.new_zeros(self.layers, samples, self.hidden_size)

    def encode(self, source: Tensor, lengths: Tensor) -> Tensor:
        """Return the (L, B, H) states after each sentence, from (S, B) ids and (B,) lengths."""
        samples = source.shape[1]
        outputs = self.encoder(source, self.build_initial_state(samples))
        columns = torch.arange(samples, device=source.device)
        return torch.stack([output[lengths - 1, columns] for output in outputs])

    def encode_packed(self, batch: PackedBatch) -> Tensor:
        """Return the (L, B, H) states at the end of each source, in the order of the targets."""
        source, state = batch.source, self.build_initial_state(batch.samples)
        outputs = self.encoder.forward_packed(source.tokens, state, source.batch_sizes)
        ends = batch.source_end_positions
        return torch.stack([output.index_select(0, ends) for output in outputs])
