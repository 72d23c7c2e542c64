"""Any bytes as a checkpoint: it loads, translates and can be trained on, or one sentence."""

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
from s2s.errors import UserError
from s2s.paths import CHECKPOINT, run_folder
from s2s.training.checkpoint import drop_state, load_checkpoint, save_checkpoint
from s2s.training.trainer import Trainer
from s2s.translation.task import TranslationTask
from s2s.translation.translator import Translator
from tests.fuzz.fence import check_sentence, fenced
from tests.fuzz.small import TEXT, add, config
from tests.fuzz.strategies import any_json, fuzzed, mutated, mutated_json

OPTIMIZERS = ("rmsprop", "adam", "sgd")


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The file of two steps with each optimizer, its state and a pool of batches in it."""
    folder = tmp_path_factory.mktemp("valid")
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("S2S_HOME", str(folder / "home"))
        (folder / "x.txt").write_bytes(TEXT)
        corpus = add(folder / "x.txt")
        files = {}
        for name in OPTIMIZERS:
            trainer = Trainer(task_of(corpus, name))
            list(trainer.run())
            save_checkpoint(folder, trainer.checkpoint())
            files[name] = (folder / CHECKPOINT).read_bytes()
    return files


def task_of(corpus: Corpus, optimizer: str) -> TranslationTask:
    choices = config(optimizer=optimizer, length_pool=3)
    return TranslationTask(choices, corpus, torch.device("cpu"))


def taken_apart(content: bytes) -> tuple[dict[str, Any], bytes]:
    """The header as an object, with what s2s says of it as one too, and the numbers behind it."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"]["s2s"] = json.loads(header["__metadata__"]["s2s"])
    return header, content[8 + length :]


def put_together(header: Any, data: bytes) -> bytes:
    if isinstance(header, dict) and isinstance(header.get("__metadata__"), dict):
        about = header["__metadata__"]
        header = {**header, "__metadata__": {**about, "s2s": json.dumps(about.get("s2s"))}}
    written = json.dumps(header).encode()
    return len(written).to_bytes(8, "little") + written + data


def used_or_refused(here: Path, content: bytes, optimizer: str) -> None:
    """Everything that the program does with a checkpoint; a refusal names the run."""
    (here / "x.txt").write_bytes(TEXT)
    corpus = add(here / "x.txt")
    run_folder(7).mkdir(parents=True)
    (run_folder(7) / CHECKPOINT).write_bytes(content)
    try:
        Translator.load(run_folder(7)).translate(["tu vois, l’été !"], max_words=5)
        start = load_checkpoint(run_folder(7), with_state=True)
    except UserError as error:
        check_sentence(str(error), "The checkpoint of run 7 ")
        return
    try:
        trainer = Trainer(task_of(corpus, optimizer), start)
    except UserError as error:  # of another corpus, say
        check_sentence(str(error))
    else:
        for _ in range(4):
            trainer.step()  # a loss that is no number ends a run as diverged
    drop_state(run_folder(7))


@fuzzed(60)
@given(data=st.data(), optimizer=st.sampled_from(OPTIMIZERS))
def test_bytes(
    tmp_path: Path, valid: dict[str, bytes], data: st.DataObject, optimizer: str
) -> None:
    content = data.draw(mutated(valid[optimizer]))
    with fenced(tmp_path) as here:
        used_or_refused(here, content, optimizer)


@fuzzed(100)
@given(data=st.data(), optimizer=st.sampled_from(OPTIMIZERS))
def test_header(
    tmp_path: Path, valid: dict[str, bytes], data: st.DataObject, optimizer: str
) -> None:
    """Names, types, shapes and places of the numbers, and what s2s says of them."""
    header, numbers = taken_apart(valid[optimizer])
    if data.draw(st.booleans()):
        about = data.draw(mutated_json(header["__metadata__"]["s2s"]))
        changed = {**header, "__metadata__": {"s2s": about}}
    else:
        changed = data.draw(mutated_json(header))
    with fenced(tmp_path) as here:
        used_or_refused(here, put_together(changed, numbers), optimizer)


@fuzzed(80)
@given(data=st.data(), optimizer=st.sampled_from(OPTIMIZERS))
def test_tensors(
    tmp_path: Path, valid: dict[str, bytes], data: st.DataObject, optimizer: str
) -> None:
    """A sound file with other numbers in it than any training leaves."""
    tensors = load(valid[optimizer])
    about = taken_apart(valid[optimizer])[0]["__metadata__"]["s2s"]
    name = data.draw(st.sampled_from(sorted(tensors)))
    strange = data.draw(st.sampled_from(sorted(CHANGES)))
    changed = CHANGES[strange](tensors.pop(name))
    new_name = data.draw(st.sampled_from((name, name, name, f"{name}.x", "state.optimizer.x")))
    tensors[new_name] = changed.contiguous()
    content = save(tensors, metadata={"s2s": json.dumps(about)})
    with fenced(tmp_path) as here:
        used_or_refused(here, content, optimizer)


CHANGES = {
    "NaN": lambda each: each.double().fill_(math.nan).to(each.dtype),
    "infinite": lambda each: torch.full_like(each.float(), math.inf),
    "huge": lambda each: torch.full_like(each.float(), 1e38),
    "negative": lambda each: -each.float().abs().to(each.dtype) - 1,
    "integers": lambda each: each.long(),
    "half": lambda each: each.half(),
    "empty": lambda each: each.flatten()[:0],
    "shorter": lambda each: each.flatten()[:1],
    "longer": lambda each: torch.cat([each.flatten()] * 3),
    "flat": lambda each: each.flatten(),
    "transposed": lambda each: each.t() if each.dim() == 2 else each.unsqueeze(0),
    "deep": lambda each: each[(None,) * 5],
}


@fuzzed(30)
@given(instead=any_json, key=st.sampled_from(("state", "pool", "bit_generator", "has_uint32")))
def test_sampler(tmp_path: Path, valid: dict[str, bytes], instead: Any, key: str) -> None:
    header, numbers = taken_apart(valid["adam"])
    header["__metadata__"]["s2s"]["sampler"][key] = instead
    with fenced(tmp_path) as here:
        used_or_refused(here, put_together(header, numbers), "adam")


def test_a_file_cut_short_while_it_is_used(tmp_path: Path, valid: dict[str, bytes]) -> None:
    """A mapped file ends its reader by a signal; in a process of its own for that."""
    (tmp_path / CHECKPOINT).write_bytes(valid["adam"])
    code = (
        "import os, sys; from pathlib import Path;"
        "from s2s.translation.translator import Translator;"
        "folder = Path(sys.argv[1]); translator = Translator.load(folder);"
        f"os.truncate(folder / '{CHECKPOINT}', 100);"
        "print(len(translator.translate(['tu vois'])))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert (said.returncode, said.stdout) == (0, "1\n"), said.stderr
