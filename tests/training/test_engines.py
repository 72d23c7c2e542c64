"""The engines against the article's own code, against each other, and against torch."""

import json
from pathlib import Path

import pytest
import torch

from s2s.config import Engine, Precision
from s2s.data.batches import Batch, pad
from s2s.model.seq2seq import Seq2Seq
from s2s.training.engines import GRADIENTS, article_gradients, fused_gradients

GOLDEN = json.loads(Path(__file__).parents[1].joinpath("golden", "article.json").read_text())
CLOSE = {"rtol": 1e-5, "atol": 1e-8}


def made(source: list[list[int]], target: list[list[int]], *, joint: bool = False) -> Batch:
    """A batch of sentences without padding, EOS included."""
    device = torch.device("cpu")
    (sources, source_lengths), (targets, target_lengths) = pad(source, device), pad(target, device)
    if joint:
        steps = max(len(sources), len(targets))
        sources, targets = (
            torch.nn.functional.pad(side, (0, 0, 0, steps - len(side)))
            for side in (sources, targets)
        )
    return Batch(
        sources,
        source_lengths,
        targets,
        target_lengths,
        int(source_lengths.sum()),
        int(target_lengths.sum()),
    )


def model(seed: int = 0, layers: int = 1, dropout: float = 0.0) -> Seq2Seq:
    torch.manual_seed(seed)
    return Seq2Seq(10, 9, hidden_size=4, layers=layers, dropout=dropout).double()


def gradients(model: Seq2Seq) -> dict[str, torch.Tensor]:
    return {name: value.grad.clone() for name, value in model.named_parameters()}


def our_name(article_name: str) -> str:
    return article_name.replace(".gru.", ".recurrent.layers.0.")


def test_article_engine_equals_the_articles_own_code() -> None:
    ours = model()
    ours.load_state_dict(
        {
            our_name(name): torch.tensor(value, dtype=torch.float64)
            for name, value in GOLDEN["weights"].items()
        }
    )
    batch = Batch(
        torch.tensor(GOLDEN["source"]).t(),
        torch.tensor([5, 4, 3]),
        torch.tensor(GOLDEN["target"]).t(),
        torch.tensor([5, 3, 4]),
        12,
        12,
    )
    state = torch.tensor(GOLDEN["state"], dtype=torch.float64)
    loss_sum = article_gradients(ours, batch, True, Precision.FP32, state)
    assert float(loss_sum) / 3 == pytest.approx(GOLDEN["loss"], rel=1e-5, abs=1e-8)
    found = gradients(ours)
    for name, expected in GOLDEN["gradients"].items():
        torch.testing.assert_close(
            found[our_name(name)], torch.tensor(expected, dtype=torch.float64), **CLOSE
        )


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("forced", [True, False])
def test_fused_equals_article_on_batches_of_one_length(layers: int, forced: bool) -> None:
    batch = made(
        [[4, 5, 6, 2], [7, 8, 3, 2], [9, 9, 4, 2]], [[4, 8, 3, 2], [5, 6, 7, 2], [8, 8, 8, 2]]
    )
    found = {}
    for engine in Engine:
        ours = model(layers=layers)
        loss_sum = GRADIENTS[engine](ours, batch, forced, Precision.FP32)
        found[engine] = {"loss": loss_sum, **gradients(ours)}
    torch.testing.assert_close(found[Engine.FUSED], found[Engine.ARTICLE], **CLOSE)


@pytest.mark.parametrize("layers", [1, 3])
def test_under_fused_a_sentence_does_not_depend_on_its_neighbours(layers: int) -> None:
    pairs = [([4, 2], [5, 6, 7, 2]), ([5, 6, 7, 8, 9, 2], [4, 2]), ([7, 4, 2], [8, 2])]
    together, alone = model(layers=layers), model(layers=layers)
    sources, targets = zip(*pairs, strict=True)
    loss_sum = fused_gradients(together, made([*sources], [*targets]), True, Precision.FP32)
    summed = {name: torch.zeros_like(value) for name, value in alone.named_parameters()}
    alone_loss = 0.0
    for source, target in pairs:
        alone.zero_grad()
        alone_loss += float(fused_gradients(alone, made([source], [target]), True, Precision.FP32))
        for name, value in alone.named_parameters():
            summed[name] += value.grad / len(pairs)
    assert float(loss_sum) == pytest.approx(alone_loss, rel=1e-5)
    torch.testing.assert_close(gradients(together), summed, **CLOSE)


def test_under_article_the_state_runs_through_the_joint_padding() -> None:
    short = ([4, 2], [5, 2])
    long = ([4, 5, 6, 7, 8, 2], [5, 6, 7, 8, 2])
    losses = [
        float(
            article_gradients(
                model(), made([a[0], b[0]], [a[1], b[1]], joint=True), True, Precision.FP32
            )
        )
        for a, b in ((short, short), (short, long), (long, long))
    ]
    assert losses[1] != pytest.approx((losses[0] + losses[2]) / 2, rel=1e-6)


def test_teacher_forcing_feeds_the_reference_and_free_running_the_own_words() -> None:
    batch = made([[4, 5, 2]], [[7, 8, 7, 8, 2]])
    ours = model()
    with torch.no_grad():  # a model that always finds word 4 likeliest
        ours.decoder.out.bias[4] = 50.0
    forced = fused_gradients(ours, batch, True, Precision.FP32)
    forced_rows = ours.decoder.embedding.weight.grad.abs().sum(1).nonzero().flatten().tolist()
    ours.zero_grad()
    free = fused_gradients(ours, batch, False, Precision.FP32)
    free_rows = ours.decoder.embedding.weight.grad.abs().sum(1).nonzero().flatten().tolist()
    assert set(forced_rows) <= {1, 7, 8}
    assert set(free_rows) <= {1, 4}
    assert 4 in free_rows
    assert float(forced) != pytest.approx(float(free))


def test_gradients_are_those_of_the_loss_per_sentence() -> None:
    """Central differences of the loss sum over the batch size, in a few places."""
    batch = made([[4, 5, 2], [6, 2]], [[7, 2], [8, 4, 2]])
    ours = model()
    fused_gradients(ours, batch, True, Precision.FP32)
    found = gradients(ours)
    step = 1e-6
    for name, parameter in ours.named_parameters():
        flat, index = parameter.data.view(-1), parameter.numel() // 2
        value = float(flat[index])
        losses = []
        for sign in (1, -1):
            flat[index] = value + sign * step
            losses.append(float(fused_gradients(ours, batch, True, Precision.FP32)))
        flat[index] = value
        slope = (losses[0] - losses[1]) / (2 * step) / 2
        assert float(found[name].view(-1)[index]) == pytest.approx(slope, rel=1e-5, abs=1e-8)


def test_bf16_projection_stays_near_fp32() -> None:
    batch = made([[4, 5, 2], [6, 2]], [[7, 2], [8, 4, 2]])
    found = {}
    for precision in Precision:
        ours = model().float()
        loss_sum = fused_gradients(ours, batch, True, precision)
        assert {value.grad.dtype for value in ours.parameters()} == {torch.float32}
        found[precision] = float(loss_sum), gradients(ours)["decoder.out.weight"]
    assert found[Precision.BF16][0] == pytest.approx(found[Precision.FP32][0], rel=1e-2)
    assert found[Precision.BF16][0] != found[Precision.FP32][0]
    torch.testing.assert_close(
        found[Precision.BF16][1], found[Precision.FP32][1], rtol=0.05, atol=0.01
    )
