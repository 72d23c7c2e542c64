"""Any bytes as a checkpoint: it is used, or rejected with a good message."""

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load, save

from s2s.data.corpus import Corpus
from s2s.paths import CHECKPOINT, run_folder
from s2s.training.checkpoint import drop_state, load_checkpoint, save_checkpoint
from s2s.training.trainer import Trainer
from s2s.translation.task import TranslationTask
from s2s.translation.translator import Translator
from tests.fuzz.sandbox import may_reject, sandbox
from tests.fuzz.small import TEXT, add, config, new_home
from tests.fuzz.strategies import fuzz, mutated, mutated_json

optimizers = st.sampled_from(("rmsprop", "adam", "sgd"))


def make_task(corpus: Corpus, optimizer: str) -> TranslationTask:
    return TranslationTask(config(optimizer=optimizer, length_pool=3), corpus, torch.device("cpu"))


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A checkpoint after two steps by optimizer, with its state and a pool of batches."""
    folder = tmp_path_factory.mktemp("valid")
    torch.set_num_threads(1)
    with new_home(folder):
        corpus = add(folder / "x.txt")
        files = {}
        for name in ("rmsprop", "adam", "sgd"):
            trainer = Trainer(make_task(corpus, name))
            list(trainer.run())
            save_checkpoint(folder, trainer.checkpoint())
            files[name] = (folder / CHECKPOINT).read_bytes()
    return files


def split_file(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header, with its s2s metadata decoded, and the numbers after it."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"]["s2s"] = json.loads(header["__metadata__"]["s2s"])
    return header, content[8 + length :]


def join_file(header: Any, data: bytes) -> bytes:
    if isinstance(header, dict) and isinstance(header.get("__metadata__"), dict):
        metadata = header["__metadata__"]
        header = {**header, "__metadata__": {**metadata, "s2s": json.dumps(metadata.get("s2s"))}}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def use_checkpoint(tmp_path: Path, content: bytes, optimizer: str) -> None:
    with sandbox(tmp_path) as here:
        (here / "x.txt").write_bytes(TEXT)
        corpus = add(here / "x.txt")
        run_folder(7).mkdir(parents=True)
        (run_folder(7) / CHECKPOINT).write_bytes(content)
        start = None
        with may_reject("The checkpoint of run 7 "):
            Translator.load(run_folder(7)).translate(["tu vois, l’été !"])
            start = load_checkpoint(run_folder(7), with_state=True)
        if start is None:
            return
        with may_reject():  # because of another corpus, for example
            trainer = Trainer(make_task(corpus, optimizer), start)
            for _ in range(4):
                trainer.step()
        drop_state(run_folder(7))


@fuzz(40)
@given(data=st.data(), optimizer=optimizers, kind=st.sampled_from(("bytes", "metadata", "header")))
def test_changed_bytes_and_headers(
    tmp_path: Path, valid: dict[str, bytes], data: st.DataObject, optimizer: str, kind: str
) -> None:
    content = valid[optimizer]
    if kind == "bytes":
        return use_checkpoint(tmp_path, data.draw(mutated(content)), optimizer)
    header, numbers = split_file(content)
    if kind == "metadata":
        metadata = data.draw(mutated_json(header["__metadata__"]["s2s"]))
        header = {**header, "__metadata__": {"s2s": metadata}}
    else:
        header = data.draw(mutated_json(header))
    return use_checkpoint(tmp_path, join_file(header, numbers), optimizer)


CHANGES = {
    "NaN": lambda each: each.double().fill_(math.nan).to(each.dtype),
    "infinite": lambda each: torch.full_like(each.float(), math.inf),
    "huge": lambda each: torch.full_like(each.float(), 1e38),
    "integers": lambda each: each.long(),
    "empty": lambda each: each.flatten()[:0],
    "longer": lambda each: torch.cat([each.flatten()] * 3),
    "transposed": lambda each: each.t() if each.dim() == 2 else each.unsqueeze(0),
}


@fuzz(25)
@given(data=st.data(), optimizer=optimizers, change=st.sampled_from(sorted(CHANGES)))
def test_changed_tensors(
    tmp_path: Path, valid: dict[str, bytes], data: st.DataObject, optimizer: str, change: str
) -> None:
    tensors = load(valid[optimizer])
    metadata = split_file(valid[optimizer])[0]["__metadata__"]["s2s"]
    name = data.draw(st.sampled_from(sorted(tensors)))
    changed = CHANGES[change](tensors.pop(name))
    new_name = data.draw(st.sampled_from((name, name, name, f"{name}.x", "state.optimizer.x")))
    tensors[new_name] = changed.contiguous()
    content = save(tensors, metadata={"s2s": json.dumps(metadata)})
    use_checkpoint(tmp_path, content, optimizer)


def test_a_file_that_is_truncated_while_in_use(tmp_path: Path, valid: dict[str, bytes]) -> None:
    """A memory-mapped file would kill the process."""
    file = tmp_path / CHECKPOINT
    file.write_bytes(valid["adam"])
    translator = Translator.load(tmp_path)
    assert str(file) not in Path("/proc/self/maps").read_text()
    os.truncate(file, 100)
    assert len(translator.translate(["tu vois"])) == 1
