"""Checkpoints: exact round trips, writes that cannot be half done, and damage of every kind."""

import dataclasses
import os
import signal
import tracemalloc
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from s2s.errors import UserError
from s2s.paths import CHECKPOINT
from s2s.training import checkpoint as checkpoint_module
from s2s.training.checkpoint import Checkpoint, drop_state, load_checkpoint, save_checkpoint
from s2s.translation.translator import Translator
from tests.tiny import MakeTrainer


@pytest.fixture
def trained(make_trainer: MakeTrainer) -> Checkpoint:
    """A checkpoint of five steps, with its state."""
    trainer = make_trainer(sentences=("où ?",))
    for _ in range(5):
        trainer.step()
    return trainer.checkpoint()


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def assert_damaged(folder: Path) -> None:
    """Reading it fails with one line that names the run."""
    with pytest.raises(UserError, match=rf"^The checkpoint of run {folder.name} .*$"):
        load_checkpoint(folder, with_state=True)


def test_round_trip(trained: Checkpoint, tmp_path: Path) -> None:
    save_checkpoint(tmp_path, dataclasses.replace(trained, iteration=4))
    save_checkpoint(tmp_path, trained)
    assert [path.name for path in tmp_path.glob("*.safetensors*")] == [CHECKPOINT]
    loaded = load_checkpoint(tmp_path, with_state=True)
    tensors = {"weights": {}, "state": {}}
    assert dataclasses.replace(loaded, **tensors) == dataclasses.replace(trained, **tensors)
    assert same(loaded.weights, trained.weights)
    assert same(loaded.state, trained.state)
    assert loaded.config.sentences == ("où ?",)


@pytest.mark.parametrize("optimizer", ["rmsprop", "adam", "sgd"])
@pytest.mark.parametrize("engine", ["article", "fused"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_state_of_every_optimizer(
    make_trainer: MakeTrainer, tmp_path: Path, optimizer: str, engine: str, momentum: float
) -> None:
    trainer = make_trainer(optimizer=optimizer, engine=engine, momentum=momentum)
    for _ in range(2):
        save_checkpoint(tmp_path, trainer.checkpoint())
        assert same(load_checkpoint(tmp_path, with_state=True).state, trainer.checkpoint().state)
        trainer.step()


def test_without_state_it_is_smaller_and_translates(trained: Checkpoint, tmp_path: Path) -> None:
    save_checkpoint(tmp_path, trained)
    size = (tmp_path / CHECKPOINT).stat().st_size
    before = Translator.load(tmp_path).translate(["je mange du pain."])[0]
    drop_state(tmp_path)
    assert (tmp_path / CHECKPOINT).stat().st_size < size / 2
    loaded = load_checkpoint(tmp_path, with_state=True)
    assert loaded.state == {}
    assert same(loaded.weights, trained.weights)
    assert loaded.sampler == trained.sampler
    random = torch.get_rng_state()
    assert Translator.load(tmp_path).translate(["je mange du pain."])[0].words == before.words
    assert torch.equal(torch.get_rng_state(), random)  # they may be those of a training run


@pytest.mark.parametrize("point", ["save_file", "fsync", "replace"])
@pytest.mark.parametrize("killed", [False, True])
def test_an_interrupted_write_leaves_the_earlier_checkpoint(
    trained: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, killed: bool
) -> None:
    save_checkpoint(tmp_path, trained)

    def fail(*arguments: Any, **_: object) -> None:
        if point == "save_file":
            arguments[1].write_bytes(b"half")
        if killed:
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(28, "No space left on device")

    def save_the_next() -> None:
        places = {"save_file": checkpoint_module, "fsync": os, "replace": Path}
        with monkeypatch.context() as patch:
            patch.setattr(places[point], point, fail)
            save_checkpoint(tmp_path, dataclasses.replace(trained, iteration=6))

    if not killed:
        with pytest.raises(OSError, match="No space left"):
            save_the_next()
        assert not list(tmp_path.glob(f".{CHECKPOINT}*"))
    elif child := os.fork():
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    else:
        save_the_next()
        os._exit(0)
    assert load_checkpoint(tmp_path, with_state=True).iteration == 5


def test_folder_sync(trained: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a power failure may lose the new name."""
    synced: list[Path] = []
    monkeypatch.setattr(
        os, "fsync", lambda number: synced.append(Path(f"/proc/self/fd/{number}").resolve())
    )
    save_checkpoint(tmp_path, trained)
    file, folder = synced
    assert file.name.startswith(f".{CHECKPOINT}")
    assert folder == tmp_path


def test_no_checkpoint(tmp_path: Path) -> None:
    for read in (load_checkpoint, drop_state):
        with pytest.raises(UserError, match="Run 12"):
            read(tmp_path / "12")


@pytest.mark.parametrize(
    "make",
    [
        os.mkdir,
        os.mkfifo,
        lambda path: path.write_bytes(b"PK\x03\x04" + bytes(500)),
        *(
            lambda path, header=header: save_file({"weights.a": torch.zeros(2)}, path, header)
            for header in (None, {"s2s": "{}"}, {"s2s": "no JSON"}, {"s2s": '{"format": 1}'})
        ),
    ],
)
def test_something_that_is_not_a_checkpoint(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / CHECKPOINT)
    assert_damaged(tmp_path)


def test_a_header_that_claims_to_be_huge_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes((2**40).to_bytes(8, "little") + b"{}")
    tracemalloc.start()
    assert_damaged(tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_content_with_another_value(trained: Checkpoint, tmp_path: Path) -> None:
    source, target = (trained.task[side]["words"] for side in ("source", "target"))
    name, weight = next(iter(trained.weights.items()))
    for field, value in (
        ("iteration", -1),
        ("iteration", True),
        ("sampler", []),
        ("task", trained.task | {"source": {"words": source[1:]}}),
        ("task", trained.task | {"target": {"words": [*target, 7]}}),
        ("task", trained.task | {"corpus_sha256": None}),
        ("weights", trained.weights | {name: torch.zeros(1, 2)}),
        ("weights", trained.weights | {name: torch.full_like(weight, torch.nan)}),
        ("weights", trained.weights | {name: weight.double()}),
        ("weights", trained.weights | {"another": weight.clone()}),
    ):
        save_checkpoint(tmp_path, dataclasses.replace(trained, **{field: value}))
        assert_damaged(tmp_path)


def test_newer_format(trained: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint_module, "_FORMAT", 2)
        save_checkpoint(tmp_path, trained)
    with pytest.raises(UserError, match="newer"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("entry", "instead"),
    [
        ("exp_avg", torch.zeros(())),
        ("exp_avg_sq", torch.zeros(8)),
        ("exp_avg", None),
        ("step", torch.zeros(8)),
        ("step", torch.zeros((), dtype=torch.int64)),
        ("square_avg", torch.zeros(())),
    ],
)
def test_state_that_does_not_fit_the_weights(
    make_trainer: MakeTrainer, tmp_path: Path, entry: str, instead: torch.Tensor | None
) -> None:
    """With a smaller tensor a fused kernel would write to memory that is not its own."""
    trainer = make_trainer(optimizer="adam")
    trainer.step()
    checkpoint = trainer.checkpoint()
    checkpoint.state[f"optimizer.3.{entry}"] = instead
    if instead is None:
        del checkpoint.state[f"optimizer.3.{entry}"]
    save_checkpoint(tmp_path, checkpoint)
    assert_damaged(tmp_path)


def test_a_tensor_that_does_not_belong_is_never_read(
    trained: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sparse file can claim more than there is memory."""
    state = {**trained.state, "optimizer.0.x": torch.zeros(2)}
    save_checkpoint(tmp_path, dataclasses.replace(trained, state=state))

    with safe_open(tmp_path / CHECKPOINT, framework="pt") as file:
        methods = {name: getattr(file, name) for name in ("metadata", "keys", "get_slice")}
        without_values = nullcontext(SimpleNamespace(**methods))
        monkeypatch.setattr(checkpoint_module, "safe_open", lambda *_, **__: without_values)
        with pytest.raises(UserError) as caught:
            load_checkpoint(tmp_path, with_state=True)
    assert "get_tensor" not in str(caught.value)
