"""The engines against the article's own code, against each other, and against torch."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from s2s.config import Engine, Precision
from s2s.data.batches import Batch
from s2s.records import Remark, RemarkKind
from s2s.training.optimizers import build_optimizer
from s2s.training.trainer import Trainer
from s2s.translation.engines import ENGINES, ArticleEngine, FusedEngine
from s2s.translation.fast import projection
from s2s.translation.model import Seq2Seq
from tests.tiny import batches_of, tiny_config

GOLDEN = json.loads(Path(__file__).parents[1].joinpath("golden", "article.json").read_text())
CLOSE = {"rtol": 1e-5, "atol": 1e-8}
ONE_LENGTH = (
    [[4, 5, 6, 2], [7, 8, 3, 2], [9, 9, 4, 2]],
    [[4, 8, 3, 2], [5, 6, 7, 2], [8, 8, 8, 2]],
)
RAGGED = (
    [[4, 2], [5, 6, 7, 8, 9, 2], [7, 4, 2], [4, 4, 2]],
    [[5, 6, 7, 2], [4, 2], [8, 2], [8, 8, 8, 8, 2]],
)


def build_model(layers: int = 1) -> Seq2Seq:
    torch.manual_seed(0)
    return Seq2Seq(10, 9, hidden_size=4, layers=layers, dropout=0.0).double()


def gradients(model: Seq2Seq) -> dict[str, torch.Tensor]:
    return {name: value.grad.clone() for name, value in model.named_parameters()}


def run(
    model: Seq2Seq,
    sources: list[list[int]],
    targets: list[list[int]],
    *,
    engine: Engine = Engine.FUSED,
    forced: bool = True,
) -> float:
    """Return the loss sum of one batch of all these pairs, and set the gradients."""
    step_engine = ENGINES[engine](model, batches_of(sources, targets), Precision.FP32)
    model.zero_grad()
    forward = step_engine.forward(step_engine.make_batch(np.arange(len(sources))), forced)
    torch.autograd.backward(forward.outputs, forward.gradient)
    return float(forward.loss_sum)


def test_article_engine_equals_the_articles_own_code() -> None:
    def our_name(name: str) -> str:
        return name.replace(".gru.", ".recurrent.layers.0.")

    def tensor(values: list) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float64)

    model = build_model()
    model.load_state_dict(
        {our_name(name): tensor(value) for name, value in GOLDEN["weights"].items()}
    )
    source, target = (torch.tensor(GOLDEN[side]).t() for side in ("source", "target"))
    batch = Batch(source, target, source_tokens=12, target_tokens=12)
    engine = ArticleEngine(model, batches_of([[2]], [[2]]), Precision.FP32)
    forward = engine.forward(batch, True, tensor(GOLDEN["state"]))
    forward.outputs.backward()
    assert float(forward.loss_sum) / 3 == pytest.approx(GOLDEN["loss"], rel=1e-5, abs=1e-8)
    expected = {our_name(name): tensor(value) for name, value in GOLDEN["gradients"].items()}
    torch.testing.assert_close(gradients(model), expected, **CLOSE)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("forced", [True, False])
def test_fused_equals_article_on_batches_of_one_length(layers: int, forced: bool) -> None:
    results = {}
    for engine in (Engine.ARTICLE, Engine.FUSED):
        model = build_model(layers)
        loss_sum = run(model, *ONE_LENGTH, engine=engine, forced=forced)
        results[engine] = {"loss": loss_sum, **gradients(model)}
    torch.testing.assert_close(results[Engine.FUSED], results[Engine.ARTICLE], **CLOSE)


@pytest.mark.parametrize("layers", [1, 3])
def test_under_fused_a_sentence_does_not_depend_on_its_batch(layers: int) -> None:
    together, single = build_model(layers), build_model(layers)
    loss_sum = run(together, *RAGGED)
    summed = {name: torch.zeros_like(value) for name, value in single.named_parameters()}
    single_loss = 0.0
    for source, target in zip(*RAGGED, strict=True):
        single_loss += run(single, [source], [target])
        for name, value in single.named_parameters():
            summed[name] += value.grad / len(RAGGED[0])
    assert loss_sum == pytest.approx(single_loss, rel=1e-5)
    torch.testing.assert_close(gradients(together), summed, **CLOSE)


def test_under_article_the_state_runs_through_the_joint_padding() -> None:
    short, long = ([4, 2], [5, 2]), ([4, 5, 6, 7, 8, 2], [5, 6, 7, 8, 2])
    losses = [
        run(build_model(), [a[0], b[0]], [a[1], b[1]], engine=Engine.ARTICLE)
        for a, b in ((short, short), (short, long), (long, long))
    ]
    assert losses[1] != pytest.approx((losses[0] + losses[2]) / 2, rel=1e-6)


def test_teacher_forcing_feeds_the_reference_and_free_running_the_models_words() -> None:
    model = build_model()
    with torch.no_grad():  # word 4 is always the most probable one
        model.decoder.out.bias[4] = 50.0
    losses, words = [], []
    for forced in (True, False):
        losses.append(run(model, [[4, 5, 2]], [[7, 8, 7, 8, 2]], forced=forced))
        rows = model.decoder.embedding.weight.grad.abs().sum(1)
        words.append(set(rows.nonzero().flatten().tolist()))
    assert words[0] <= {1, 7, 8}
    assert 4 in words[1] <= {1, 4}
    assert losses[0] != pytest.approx(losses[1])


# Many steps


def train(
    steps: int, *, engine: Engine = Engine.FUSED, optimizer: str = "rmsprop"
) -> dict[str, torch.Tensor]:
    """Return the weights after steps on random batches of ragged pairs, in float64."""
    random = np.random.default_rng(0)
    sides = [
        [[*random.integers(4, most, random.integers(1, 7)).tolist(), 2] for _ in range(40)]
        for most in (10, 9)
    ]
    model = build_model(layers=2)
    step_engine = ENGINES[engine](model, batches_of(*sides), Precision.FP32)
    config = tiny_config(engine=engine, optimizer=optimizer)
    built = build_optimizer(config, model, model.embeddings)
    for _ in range(steps):
        step_engine.step(built, random.integers(0, 40, 5), True, lambda: None)
    return model.state_dict()


@pytest.mark.parametrize("optimizer", ["rmsprop", "sgd"])
def test_neither_a_lazy_optimizer_nor_small_chunks_make_a_difference(
    monkeypatch: pytest.MonkeyPatch, optimizer: str
) -> None:
    lazy = train(60, optimizer=optimizer)
    monkeypatch.setitem(ENGINES, Engine.ARTICLE, FusedEngine)  # with a dense optimizer
    monkeypatch.setattr(projection, "CHUNK_ROWS", 2)
    dense = train(60, engine=Engine.ARTICLE, optimizer=optimizer)
    torch.testing.assert_close(dense, lazy, **CLOSE)


def test_without_compiled_kernels_it_says_so_and_learns_the_same(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = make_trainer(engine=Engine.FUSED)
    expected = [float(compiled.step().loss_sum) for _ in range(3)]
    for module in ("fast.packed_gru", "engines"):
        monkeypatch.setattr(f"s2s.translation.{module}.get_kernels", lambda _: "no C compiler `cc`")
    without = make_trainer(engine=Engine.FUSED)
    assert without.task.remarks == [Remark(RemarkKind.SLOW_KERNELS, "no C compiler `cc`")]
    losses = [float(without.step().loss_sum) for _ in range(3)]
    torch.testing.assert_close(losses, expected, rtol=1e-4, atol=0)
