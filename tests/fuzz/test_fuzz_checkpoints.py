"""Any bytes as a checkpoint: it is used, or rejected with a good message."""

import json
import math
import os
import subprocess
import sys
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
            Translator.load(run_folder(7)).translate(["tu vois, l’été !"], max_words=5)
            start = load_checkpoint(run_folder(7), with_state=True)
        if start is None:
            return
        with may_reject():  # because of another corpus, for example
            trainer = Trainer(make_task(corpus, optimizer), start)
            for _ in range(4):
                trainer.step()
        drop_state(run_folder(7))


@fuzz(20)
@given(data=st.data(), optimizer=optimizers)
def test_bytes(
    tmp_path: Path, valid: dict[str, bytes], data: st.DataObject, optimizer: str
) -> None:
    use_checkpoint(tmp_path, data.draw(mutated(valid[optimizer])), optimizer)


@fuzz(30)
@given(data=st.data(), optimizer=optimizers)
def test_headers(
    tmp_path: Path, valid: dict[str, bytes], data: st.DataObject, optimizer: str
) -> None:
    header, numbers = split_file(valid[optimizer])
    if data.draw(st.booleans()):
        metadata = data.draw(mutated_json(header["__metadata__"]["s2s"]))
        header = {**header, "__metadata__": {"s2s": metadata}}
    else:
        header = data.draw(mutated_json(header))
    use_checkpoint(tmp_path, join_file(header, numbers), optimizer)


CHANGES = {
    "NaN": lambda each: each.double().fill_(math.nan).to(each.dtype),
    "infinite": lambda each: torch.full_like(each.float(), math.inf),
    "huge": lambda each: torch.full_like(each.float(), 1e38),
    "negative": lambda each: -each.float().abs().to(each.dtype) - 1,
    "integers": lambda each: each.long(),
    "half": lambda each: each.half(),
    "empty": lambda each: each.flatten()[:0],
    "longer": lambda each: torch.cat([each.flatten()] * 3),
    "flat": lambda each: each.flatten(),
    "transposed": lambda each: each.t() if each.dim() == 2 else each.unsqueeze(0),
    "deep": lambda each: each[(None,) * 5],
}


@fuzz(25)
@given(data=st.data(), optimizer=optimizers, change=st.sampled_from(sorted(CHANGES)))
def test_tensors(
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


def test_a_file_that_is_truncated_while_it_is_used(tmp_path: Path, valid: dict[str, bytes]) -> None:
    """A memory-mapped file would kill the process."""
    (tmp_path / CHECKPOINT).write_bytes(valid["adam"])
    code = (
        "import os, sys; from pathlib import Path;"
        "from s2s.translation.translator import Translator;"
        "folder = Path(sys.argv[1]); translator = Translator.load(folder);"
        f"os.truncate(folder / '{CHECKPOINT}', 100);"
        "print(len(translator.translate(['tu vois'])))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    process = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert (process.returncode, process.stdout) == (0, "1\n"), process.stderr
