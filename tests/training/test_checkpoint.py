"""Checkpoints: exact round trips, writes that cannot be half done, and damage of every kind."""

import dataclasses
import json
import os
import signal
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from s2s.errors import UserError
from s2s.paths import CHECKPOINT
from s2s.training import checkpoint as checkpoint_module
from s2s.training.checkpoint import Checkpoint, drop_state, load_checkpoint, save_checkpoint
from s2s.training.trainer import Trainer
from s2s.translation.translator import Translator

MakeTrainer = Callable[..., Trainer]


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
    """Neither training nor translating reads it, and the message names the run."""
    for read in (Translator.load, lambda path: load_checkpoint(path, with_state=True)):
        with pytest.raises(UserError, match=rf"^The checkpoint of run {folder.name} ") as caught:
            read(folder)
        assert "\n" not in str(caught.value)


def test_round_trip(trained: Checkpoint, tmp_path: Path) -> None:
    save_checkpoint(tmp_path, dataclasses.replace(trained, iteration=4))
    save_checkpoint(tmp_path, trained)
    assert [path.name for path in tmp_path.glob("*.safetensors*")] == [CHECKPOINT]
    loaded = load_checkpoint(tmp_path, with_state=True)
    for field in dataclasses.fields(Checkpoint):
        if field.name not in ("weights", "state"):
            assert getattr(loaded, field.name) == getattr(trained, field.name), field.name
    assert loaded.iteration == 5
    assert same(loaded.weights, trained.weights)
    assert same(loaded.state, trained.state)
    assert any(name.startswith("optimizer.") for name in loaded.state)
    assert "random.cpu" in loaded.state
    with safe_open(tmp_path / CHECKPOINT, framework="pt") as file:
        assert json.loads(file.metadata()["s2s"])["config"]["sentences"] == ["où ?"]


@pytest.mark.parametrize("optimizer", ["rmsprop", "adam", "sgd"])
@pytest.mark.parametrize("engine", ["article", "fused"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("steps", [0, 2])
def test_the_state_of_every_optimizer(
    make_trainer: MakeTrainer,
    tmp_path: Path,
    optimizer: str,
    engine: str,
    momentum: float,
    steps: int,
) -> None:
    trainer = make_trainer(optimizer=optimizer, engine=engine, momentum=momentum)
    for _ in range(steps):
        trainer.step()
    save_checkpoint(tmp_path, trainer.checkpoint())
    assert same(load_checkpoint(tmp_path, with_state=True).state, trainer.checkpoint().state)


def test_without_state_it_is_smaller_and_translates_the_same(
    trained: Checkpoint, tmp_path: Path
) -> None:
    save_checkpoint(tmp_path, trained)
    size = (tmp_path / CHECKPOINT).stat().st_size
    before = Translator.load(tmp_path).translate(["je mange du pain."])[0]
    for _ in range(2):  # the second time changes nothing
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
    folder = tmp_path / "1"
    folder.mkdir()
    save_checkpoint(folder, trained)

    def fail(*_: object, **__: object) -> None:
        if killed:
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(28, "No space left on device")

    def write_half(_: object, path: Path, **__: object) -> None:
        path.write_bytes(b"half")
        fail()

    def save_the_next() -> None:
        with monkeypatch.context() as patch:
            if point == "save_file":
                patch.setattr(checkpoint_module, "save_file", write_half)
            elif point == "fsync":
                patch.setattr(checkpoint_module.os, "fsync", fail)
            else:
                patch.setattr(Path, "replace", fail)
            save_checkpoint(folder, dataclasses.replace(trained, iteration=6))

    if not killed:
        with pytest.raises(OSError, match="No space left"):
            save_the_next()
        assert [path.name for path in folder.iterdir()] == [CHECKPOINT]
    elif child := os.fork():
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    else:
        save_the_next()
        os._exit(0)
    assert load_checkpoint(folder, with_state=True).iteration == 5


def test_the_folder_is_synced_after_the_file(
    trained: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a power failure may lose the new name."""
    synced: list[str] = []
    sync = os.fsync

    def record(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").resolve().name)
        sync(descriptor)

    monkeypatch.setattr(checkpoint_module.os, "fsync", record)
    save_checkpoint(tmp_path, trained)
    assert synced[0].startswith(f".{CHECKPOINT}")
    assert synced[1:] == [tmp_path.name]


def test_no_checkpoint(tmp_path: Path) -> None:
    for read in (load_checkpoint, drop_state):
        with pytest.raises(UserError, match="Run 12"):
            read(tmp_path / "12")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.2, 0.5, 0.999])
def test_a_truncated_file(trained: Checkpoint, tmp_path: Path, share: float) -> None:
    save_checkpoint(tmp_path, trained)
    content = (tmp_path / CHECKPOINT).read_bytes()
    (tmp_path / CHECKPOINT).write_bytes(content[: int(share * len(content))])
    assert_damaged(tmp_path)


@pytest.mark.parametrize(
    "make",
    [
        os.mkdir,
        os.mkfifo,
        lambda path: path.write_bytes(b"garbage"),
        lambda path: path.write_bytes(b"\x80\x04\x95" * 100),
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


def rewrite(folder: Path, tensors: dict[str, torch.Tensor], **changes: object) -> None:
    """Add tensors to a checkpoint, and change values of its header."""
    with safe_open(folder / CHECKPOINT, framework="pt") as file:
        header = json.loads(file.metadata()["s2s"]) | changes
        present = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file({**present, **tensors}, folder / CHECKPOINT, {"s2s": json.dumps(header)})


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"iteration": -1},
        {"iteration": True},
        {"config": []},
        {"config": {"hidden_size": 9}},
        {"task": {}},
        {"position": {}},
        {"sampler": []},
    ],
)
def test_a_header_with_another_value(
    trained: Checkpoint, tmp_path: Path, changes: dict[str, object]
) -> None:
    save_checkpoint(tmp_path, trained)
    rewrite(tmp_path, {}, **changes)
    with pytest.raises(UserError, match=f"The checkpoint of run {tmp_path.name} "):
        load_checkpoint(tmp_path, with_state=True)


@pytest.mark.parametrize(
    ("side", "change"),
    [
        ("source", lambda words: words[1:]),
        ("target", lambda words: [*words, 7]),
        ("target", lambda words: " ".join(words)),
        ("corpus_sha256", lambda _: None),
    ],
)
def test_task_metadata_with_another_value(
    trained: Checkpoint, tmp_path: Path, side: str, change: Callable[[list[str]], object]
) -> None:
    task = {**trained.task, side: change(trained.task[side])}
    save_checkpoint(tmp_path, dataclasses.replace(trained, task=task))
    assert_damaged(tmp_path)


@pytest.mark.parametrize(
    ("entry", "instead"),
    [
        ("exp_avg", torch.zeros(())),
        ("exp_avg_sq", torch.zeros(())),
        ("exp_avg", torch.zeros(8)),
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
    checkpoint.state.pop(f"optimizer.3.{entry}", None)
    if instead is not None:
        checkpoint.state[f"optimizer.3.{entry}"] = instead
    save_checkpoint(tmp_path, checkpoint)
    with pytest.raises(UserError, match="optimizer state"):
        load_checkpoint(tmp_path, with_state=True)


def test_weights_that_do_not_fit_the_model(trained: Checkpoint, tmp_path: Path) -> None:
    name, weight = next(iter(trained.weights.items()))
    for weights in (
        {**trained.weights, name: torch.zeros(1, 2)},
        {**trained.weights, name: torch.full_like(weight, torch.nan)},
        {**trained.weights, name: weight.double()},
        {key: value for key, value in trained.weights.items() if key != name},
    ):
        save_checkpoint(tmp_path, dataclasses.replace(trained, weights=weights))
        assert_damaged(tmp_path)


@pytest.mark.parametrize("name", ["weights.x", "x", "state.x", "state.optimizer.0.x"])
def test_a_tensor_that_does_not_belong_is_never_read(
    trained: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A sparse file can claim more than there is memory."""
    save_checkpoint(tmp_path, trained)
    rewrite(tmp_path, {name: torch.zeros(2)})

    @contextmanager
    def without_values(path: Path, framework: str) -> Iterator[SimpleNamespace]:
        with safe_open(path, framework=framework) as file:
            yield SimpleNamespace(metadata=file.metadata, keys=file.keys, get_slice=file.get_slice)

    monkeypatch.setattr(checkpoint_module, "safe_open", without_values)
    with pytest.raises(UserError) as caught:
        load_checkpoint(tmp_path, with_state=True)
    assert "get_tensor" not in str(caught.value)
