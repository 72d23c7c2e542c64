"""Train a tiny run now, and read what it left."""

from collections.abc import Callable
from threading import Event
from typing import Any

from s2s.paths import run_folder
from s2s.records import RemarkKind, Run
from s2s.runs.execute import TrainingEvent, execute
from s2s.store import Store
from s2s.training.checkpoint import load_checkpoint
from s2s.translation.translator import Translator
from tests.tiny import tiny_config


def train(
    store: Store,
    stop: Event | None = None,
    watch: Callable[[TrainingEvent], object] = lambda _: None,
    **changes: Any,
) -> Run:
    run_id = store.create_run(tiny_config(**changes))
    state = execute(store, run_id, stop or Event(), watch)
    run = store.run(run_id)
    assert run.state is state
    return run


def iterations(store: Store, run: Run) -> list[int]:
    return store.steps(run.id)["iteration"].tolist()


def checkpoint_iteration(run: Run) -> int:
    """Return the iteration of the run's checkpoint, which can translate."""
    assert Translator.load(run_folder(run.id)).translate(["je mange du pain."])[0].words
    return load_checkpoint(run_folder(run.id)).iteration


def remark_kinds(run: Run) -> list[RemarkKind]:
    return [each.kind for each in run.remarks]
