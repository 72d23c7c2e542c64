"""The engines against the article's own code, against each other, and against torch."""

import json
import platform
import subprocess
import sys
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
from s2s.translation import loss
from s2s.translation.engines import ENGINES, ArticleEngine, FusedEngine, StepEngine
from s2s.translation.model import Seq2Seq
from tests.tiny import batches_of, tiny_config

GOLDEN = json.loads(Path(__file__).parents[1].joinpath("golden", "article.json").read_text())
CLOSE = {"rtol": 1e-5, "atol": 1e-8}


def model(seed: int = 0, layers: int = 1, dropout: float = 0.0) -> Seq2Seq:
    torch.manual_seed(seed)
    return Seq2Seq(10, 9, hidden_size=4, layers=layers, dropout=dropout).double()


def gradients(model: Seq2Seq) -> dict[str, torch.Tensor]:
    return {name: value.grad.clone() for name, value in model.named_parameters()}


def run(
    model: Seq2Seq,
    sources: list[list[int]],
    targets: list[list[int]],
    *,
    engine: Engine = Engine.FUSED,
    forced: bool = True,
    precision: Precision = Precision.FP32,
) -> float:
    """The loss sum of one batch of all these pairs; sets the gradients."""
    computing = ENGINES[engine](model, batches_of(sources, targets), precision)
    model.zero_grad()
    forward = computing.forward(computing.batch(np.arange(len(sources))), forced)
    torch.autograd.backward(forward.outputs, forward.gradient)
    return float(forward.loss_sum)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="tells what glibc does")
def test_freed_memory_is_kept_for_the_next_step(tmp_path: Path) -> None:
    tests = Path(__file__).parents[1]
    script = tmp_path / "script.py"
    script.write_text(
        "import resource, sys\n"
        f"sys.path[:0] = {[str(tests), str(tests.parent)]}\n"
        "import torch\n"
        "from training.test_engines import batches_of, model\n"
        "from s2s.config import Precision\n"
        "from s2s.translation.engines import ArticleEngine\n"
        "ArticleEngine(model(), batches_of([[4, 2]], [[5, 2]]), Precision.FP32)\n"
        "for _ in range(10):\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    gradients = [torch.ones(12 * 2**18) for _ in range(3)]\n"
        "    del gradients\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)\n"
    )
    done = subprocess.run(  # what malloc has learned lasts for the whole process
        [sys.executable, script], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 100  # of 9,216 pages


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
    engine = ArticleEngine(ours, batches_of([[2]], [[2]]), Precision.FP32)
    state = torch.tensor(GOLDEN["state"], dtype=torch.float64)
    forward = engine.forward(batch, True, state)
    forward.outputs.backward()
    assert float(forward.loss_sum) / 3 == pytest.approx(GOLDEN["loss"], rel=1e-5, abs=1e-8)
    found = gradients(ours)
    for name, expected in GOLDEN["gradients"].items():
        torch.testing.assert_close(
            found[our_name(name)], torch.tensor(expected, dtype=torch.float64), **CLOSE
        )


ONE_LENGTH = (
    [[4, 5, 6, 2], [7, 8, 3, 2], [9, 9, 4, 2]],
    [[4, 8, 3, 2], [5, 6, 7, 2], [8, 8, 8, 2]],
)
RAGGED = (
    [[4, 2], [5, 6, 7, 8, 9, 2], [7, 4, 2], [4, 4, 2]],
    [[5, 6, 7, 2], [4, 2], [8, 2], [8, 8, 8, 8, 2]],
)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("forced", [True, False])
def test_fused_equals_article_on_batches_of_one_length(layers: int, forced: bool) -> None:
    found = {}
    for engine in (Engine.ARTICLE, Engine.FUSED):
        ours = model(layers=layers)
        loss_sum = run(ours, *ONE_LENGTH, engine=engine, forced=forced)
        found[engine] = {"loss": loss_sum, **gradients(ours)}
    torch.testing.assert_close(found[Engine.FUSED], found[Engine.ARTICLE], **CLOSE)


def test_the_first_step_in_fp32() -> None:
    found = {}
    for engine in (Engine.ARTICLE, Engine.FUSED):
        ours = model().float()
        loss_sum = run(ours, *ONE_LENGTH, engine=engine)
        found[engine] = {"loss": loss_sum, **gradients(ours)}
    torch.testing.assert_close(found[Engine.FUSED], found[Engine.ARTICLE], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("layers", [1, 3])
def test_under_fused_a_sentence_does_not_depend_on_its_neighbours(layers: int) -> None:
    together, alone = model(layers=layers), model(layers=layers)
    loss_sum = run(together, *RAGGED)
    summed = {name: torch.zeros_like(value) for name, value in alone.named_parameters()}
    alone_loss = 0.0
    for source, target in zip(*RAGGED, strict=True):
        alone_loss += run(alone, [source], [target])
        for name, value in alone.named_parameters():
            summed[name] += value.grad / len(RAGGED[0])
    assert loss_sum == pytest.approx(alone_loss, rel=1e-5)
    torch.testing.assert_close(gradients(together), summed, **CLOSE)


def test_under_article_the_state_runs_through_the_joint_padding() -> None:
    short = ([4, 2], [5, 2])
    long = ([4, 5, 6, 7, 8, 2], [5, 6, 7, 8, 2])
    losses = [
        run(model(), [a[0], b[0]], [a[1], b[1]], engine=Engine.ARTICLE)
        for a, b in ((short, short), (short, long), (long, long))
    ]
    assert losses[1] != pytest.approx((losses[0] + losses[2]) / 2, rel=1e-6)


def test_teacher_forcing_feeds_the_reference_and_free_running_the_own_words() -> None:
    ours = model()
    with torch.no_grad():  # a model that always finds word 4 likeliest
        ours.decoder.out.bias[4] = 50.0
    losses, rows = [], []
    for forced in (True, False):
        losses.append(run(ours, [[4, 5, 2]], [[7, 8, 7, 8, 2]], forced=forced))
        rows.append(
            set(ours.decoder.embedding.weight.grad.abs().sum(1).nonzero().flatten().tolist())
        )
    assert rows[0] <= {1, 7, 8}
    assert rows[1] <= {1, 4}
    assert 4 in rows[1]
    assert losses[0] != pytest.approx(losses[1])


def test_gradients_are_those_of_the_loss_per_sentence() -> None:
    """Central differences of the loss sum over the batch size, in a few places."""
    pairs = [[4, 5, 2], [6, 2]], [[7, 2], [8, 4, 2]]
    ours = model()
    run(ours, *pairs)
    found = gradients(ours)
    step = 1e-6
    for name, parameter in ours.named_parameters():
        values, place = parameter.data, tuple(size // 2 for size in parameter.shape)
        value = float(values[place])
        losses = []
        for sign in (1, -1):
            values[place] = value + sign * step
            losses.append(run(ours, *pairs))
        values[place] = value
        slope = (losses[0] - losses[1]) / (2 * step) / 2
        assert float(found[name][place]) == pytest.approx(slope, rel=1e-5, abs=1e-8)


def test_bf16_projection_stays_near_fp32() -> None:
    found = {}
    for precision in (Precision.FP32, Precision.BF16):
        ours = model().float()
        loss_sum = run(ours, *RAGGED, precision=precision)
        assert {value.grad.dtype for value in ours.parameters()} == {torch.float32}
        found[precision] = loss_sum, gradients(ours)["decoder.out.weight"]
    assert found[Precision.BF16][0] == pytest.approx(found[Precision.FP32][0], rel=1e-2)
    assert found[Precision.BF16][0] != found[Precision.FP32][0]
    torch.testing.assert_close(
        found[Precision.BF16][1], found[Precision.FP32][1], rtol=0.05, atol=0.01
    )


# Many steps


def trained(
    steps: int, *, engine: Engine = Engine.FUSED, optimizer: str = "rmsprop"
) -> dict[str, torch.Tensor]:
    """The weights after so many steps on random batches of ragged pairs, in float64."""
    random = np.random.default_rng(0)
    sides = [
        [[*random.integers(4, most, random.integers(1, 7)).tolist(), 2] for _ in range(40)]
        for most in (10, 9)
    ]
    ours = model(layers=2)
    computing: StepEngine = ENGINES[engine](ours, batches_of(*sides), Precision.FP32)
    built = build_optimizer(tiny_config(engine=engine, optimizer=optimizer), ours)
    for _ in range(steps):
        computing.step(built, random.integers(0, 40, 5), True, lambda: None)
    return ours.state_dict()


@pytest.mark.parametrize("rows", [1, 2, 7, 10_000])
def test_fused_equals_itself_with_any_chunk_size(
    monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    expected = trained(100)
    monkeypatch.setattr(loss, "CHUNK_ROWS", rows)
    torch.testing.assert_close(trained(100), expected, **CLOSE)


@pytest.mark.parametrize("optimizer", ["rmsprop", "sgd"])
def test_a_lazy_optimizer_makes_no_difference_to_training(
    monkeypatch: pytest.MonkeyPatch, optimizer: str
) -> None:
    lazy = trained(100, optimizer=optimizer)
    monkeypatch.setitem(ENGINES, Engine.ARTICLE, FusedEngine)  # whose optimizers are dense
    torch.testing.assert_close(
        trained(100, engine=Engine.ARTICLE, optimizer=optimizer), lazy, **CLOSE
    )


def test_without_compiled_kernels_it_says_so_and_learns_the_same(
    make_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = make_trainer(engine=Engine.FUSED)
    expected = [float(compiled.step().loss_sum) for _ in range(3)]
    for where in ("s2s.translation.fast.packed_gru.kernels", "s2s.translation.engines.kernels"):
        monkeypatch.setattr(where, lambda _: "no C compiler `cc`")
    without = make_trainer(engine=Engine.FUSED)
    assert without.remarks == [Remark(RemarkKind.SLOW_KERNELS, "no C compiler `cc`")]
    torch.testing.assert_close(
        [float(without.step().loss_sum) for _ in range(3)], expected, rtol=1e-4, atol=0
    )
