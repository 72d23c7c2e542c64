import dataclasses
import json
import os
import signal
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from s2s.errors import UserError
from s2s.training import checkpoint as checkpoint_module
from s2s.training.checkpoint import (
    FILE_NAME,
    Checkpoint,
    drop_state,
    load_checkpoint,
    save_checkpoint,
)
from s2s.training.trainer import Trainer
from s2s.translation.translator import Translator

MakeTrainer = Callable[..., Trainer]


@pytest.fixture
def trained(make_trainer: MakeTrainer) -> Checkpoint:
    """Of five steps, with its state."""
    trainer = make_trainer(sentences=("où ?",))
    for _ in range(5):
        trainer.step()
    return trainer.checkpoint()


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_round_trip(trained: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    save_checkpoint(tmp_path / "1", trained)
    loaded = load_checkpoint(tmp_path / "1", with_state=True)
    for field in dataclasses.fields(Checkpoint):
        if field.name not in ("weights", "state"):
            assert getattr(loaded, field.name) == getattr(trained, field.name), field.name
    assert same(loaded.weights, trained.weights)
    assert same(loaded.state, trained.state)
    assert any(name.startswith("optimizer.") for name in loaded.state)
    assert "random.cpu" in loaded.state
    assert loaded.iteration == 5
    assert [path.name for path in (tmp_path / "1").iterdir()] == [FILE_NAME]


def test_the_model_has_the_weights_and_can_be_trained(trained: Checkpoint) -> None:
    model = trained.model()
    assert same(model.state_dict(), trained.weights)
    assert all(
        weight.requires_grad and weight.device.type == "cpu" for weight in model.parameters()
    )
    model.decoder.out.weight.sum().backward()


def test_building_the_model_draws_no_random_numbers(trained: Checkpoint) -> None:
    before = torch.get_rng_state()
    trained.model()
    assert torch.equal(torch.get_rng_state(), before)


def test_the_file_holds_no_pickle(trained: Checkpoint, tmp_path: Path) -> None:
    save_checkpoint(tmp_path, trained)
    with safe_open(tmp_path / FILE_NAME, framework="pt") as file:
        assert list(file.metadata()) == ["s2s"]
        assert json.loads(file.metadata()["s2s"])["config"]["sentences"] == ["où ?"]
    assert b"torch\n" not in (tmp_path / FILE_NAME).read_bytes()


def test_nothing_of_the_program_unpickles() -> None:
    sources = Path(checkpoint_module.__file__).parents[1].rglob("*.py")
    words = (
        "import pickle",
        "torch.load(",
        "allow_pickle",
        "torch.save(",
        "joblib",
        "import shelve",
    )
    found = [path for path in sources if any(word in path.read_text("utf-8") for word in words)]
    assert found == []


def test_a_later_one_takes_the_place_of_an_earlier_one(trained: Checkpoint, tmp_path: Path) -> None:
    save_checkpoint(tmp_path, trained)
    save_checkpoint(tmp_path, dataclasses.replace(trained, iteration=6))
    assert load_checkpoint(tmp_path).iteration == 6
    assert len(list(tmp_path.glob("*.safetensors*"))) == 1


@pytest.mark.parametrize("point", ["save_file", "fsync", "replace"])
def test_an_interruption_leaves_the_earlier_one_and_nothing_else(
    trained: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    folder = tmp_path / "1"
    folder.mkdir()
    save_checkpoint(folder, trained)

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    def write_half(tensors: object, path: Path, **_: object) -> None:
        path.write_bytes(b"half")
        fail(tensors)

    if point == "save_file":
        monkeypatch.setattr(checkpoint_module, "save_file", write_half)
    elif point == "fsync":
        monkeypatch.setattr(checkpoint_module.os, "fsync", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(folder, dataclasses.replace(trained, iteration=6))
    monkeypatch.undo()
    assert load_checkpoint(folder, with_state=True).iteration == 5
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize("point", ["save_file", "fsync", "replace"])
def test_a_process_killed_over_a_checkpoint_leaves_the_earlier_one(
    trained: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    save_checkpoint(tmp_path, trained)
    child = os.fork()
    if child == 0:

        def die(*_: object, **__: object) -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        def write_half(_: object, path: Path, **__: object) -> None:
            path.write_bytes(b"half")
            die()

        if point == "save_file":
            monkeypatch.setattr(checkpoint_module, "save_file", write_half)
        elif point == "fsync":
            monkeypatch.setattr(checkpoint_module.os, "fsync", die)
        else:
            monkeypatch.setattr(Path, "replace", die)
        save_checkpoint(tmp_path, dataclasses.replace(trained, iteration=6))
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert load_checkpoint(tmp_path, with_state=True).iteration == 5


def test_the_folder_is_synced_after_the_file(
    trained: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the new name may be lost with the power."""
    synced: list[str] = []
    sync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").resolve().name)
        sync(descriptor)

    monkeypatch.setattr(checkpoint_module.os, "fsync", noted)
    save_checkpoint(tmp_path, trained)
    assert synced[0].startswith(f".{FILE_NAME}")
    assert synced[1:] == [tmp_path.name]


def test_none_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^Run 12 has no checkpoint"):
        load_checkpoint(tmp_path / "12")


def unreadable(folder: Path) -> None:
    with pytest.raises(UserError) as caught:
        Translator.load(folder)
    sentence = str(caught.value)
    assert sentence.startswith(f"The checkpoint of run {folder.name} cannot be read (")
    assert sentence.endswith("; delete it and train again.")
    assert "\n" not in sentence


@pytest.mark.parametrize("share", [0.0, 0.001, 0.2, 0.5, 0.999])
def test_truncated(trained: Checkpoint, tmp_path: Path, share: float) -> None:
    save_checkpoint(tmp_path, trained)
    whole = (tmp_path / FILE_NAME).read_bytes()
    (tmp_path / FILE_NAME).write_bytes(whole[: int(share * len(whole))])
    unreadable(tmp_path)


@pytest.mark.parametrize(
    "content", [b"garbage", b"\x80\x04\x95" * 100, b"\xff" * 5000, b"PK\x03\x04" + bytes(500)]
)
def test_garbage(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    unreadable(tmp_path)


def test_a_header_that_claims_to_be_huge(tmp_path: Path) -> None:
    """Nothing of that size is reserved."""
    content = (2**40).to_bytes(8, "little") + b"{}"
    (tmp_path / FILE_NAME).write_bytes(content)
    tracemalloc.start()
    with pytest.raises(UserError, match=r"cannot be read .*; delete it and train again"):
        load_checkpoint(tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_weights_that_do_not_fit_the_model(trained: Checkpoint, tmp_path: Path) -> None:
    """Of another size than the configuration says, or missing."""
    name = next(iter(trained.weights))
    for weights in (
        {**trained.weights, name: torch.zeros(1, 2)},
        {key: value for key, value in trained.weights.items() if key != name},
    ):
        save_checkpoint(tmp_path, dataclasses.replace(trained, weights=weights))
        with pytest.raises(UserError, match=r"cannot be read .*; delete it and train again"):
            load_checkpoint(tmp_path)


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
def test_a_state_that_does_not_fit_the_weights(
    make_trainer: MakeTrainer, tmp_path: Path, entry: str, instead: torch.Tensor | None
) -> None:
    """A fused kernel would work outside the memory of one that is smaller."""
    trainer = make_trainer(optimizer="adam")
    trainer.step()
    checkpoint = trainer.checkpoint()
    checkpoint.state.pop(f"optimizer.3.{entry}", None)
    if instead is not None:
        checkpoint.state[f"optimizer.3.{entry}"] = instead
    save_checkpoint(tmp_path, checkpoint)
    with pytest.raises(UserError, match=r"its optimizer's state .*; delete it and train again"):
        load_checkpoint(tmp_path, with_state=True)


@pytest.mark.parametrize("name", ["weights.x", "x", "state.x", "state.optimizer.0.x"])
def test_a_tensor_that_does_not_belong_is_not_read(
    trained: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A file without blocks on the disk can claim more than there is memory."""
    save_checkpoint(tmp_path, trained)
    with safe_open(tmp_path / FILE_NAME, framework="pt") as file:
        tensors = {each: file.get_tensor(each) for each in file.keys()}  # noqa: SIM118
        save_file({**tensors, name: torch.zeros(2)}, tmp_path / FILE_NAME, file.metadata())

    @contextmanager
    def without_numbers(path: Path, framework: str) -> Iterator[SimpleNamespace]:
        with safe_open(path, framework=framework) as file:
            yield SimpleNamespace(metadata=file.metadata, keys=file.keys, get_slice=file.get_slice)

    monkeypatch.setattr(checkpoint_module, "safe_open", without_numbers)
    with pytest.raises(UserError, match=r"\((it holds|its weights do|its optimizer|its state)"):
        load_checkpoint(tmp_path, with_state=True)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_file_in_its_place(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / FILE_NAME)
    unreadable(tmp_path)


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {"other": "{}"},
        {"s2s": "{}"},
        {"s2s": "[]"},
        {"s2s": "no JSON"},
        {"s2s": '{"format": 1, "config": []}'},
        {"s2s": '{"format": 1, "config": {}, "choices": {}}'},
    ],
)
def test_the_safetensors_file_of_another_program(
    tmp_path: Path, metadata: dict[str, str] | None
) -> None:
    save_file({"weights.a": torch.zeros(2)}, tmp_path / FILE_NAME, metadata)
    unreadable(tmp_path)


def test_a_tensor_with_an_unknown_name(tmp_path: Path) -> None:
    save_file({"noname": torch.zeros(2)}, tmp_path / FILE_NAME, {"s2s": '{"format": 1}'})
    unreadable(tmp_path)


def rewritten(folder: Path, **changes: Any) -> None:
    """The checkpoint's description with other values."""
    with safe_open(folder / FILE_NAME, framework="pt") as file:
        about = json.loads(file.metadata()["s2s"]) | changes
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(tensors, folder / FILE_NAME, {"s2s": json.dumps(about)})


def test_one_of_a_newer_program(trained: Checkpoint, tmp_path: Path) -> None:
    save_checkpoint(tmp_path, trained)
    rewritten(tmp_path, format=2)
    with pytest.raises(UserError, match="written by a newer s2s; update this one"):
        load_checkpoint(tmp_path)


def test_drop_state_makes_it_smaller_and_it_still_translates(
    trained: Checkpoint, tmp_path: Path
) -> None:
    save_checkpoint(tmp_path, trained)
    size = (tmp_path / FILE_NAME).stat().st_size
    before = Translator.load(tmp_path).translate(["je mange du pain."])[0]
    drop_state(tmp_path)
    assert (tmp_path / FILE_NAME).stat().st_size < size / 2
    loaded = load_checkpoint(tmp_path, with_state=True)
    assert loaded.state == {}
    assert same(loaded.weights, trained.weights)
    assert loaded.sampler == trained.sampler
    assert loaded.iteration == 5
    after = Translator.load(tmp_path).translate(["je mange du pain."])[0]
    assert after.words == before.words
    drop_state(tmp_path)  # once more is no matter
    with pytest.raises(UserError):
        drop_state(tmp_path / "nowhere")
