"""What a server is killed in the middle of, and what must be true of it at the next start."""

import gzip
import hashlib
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from s2s.background.scheduler import Scheduler
from s2s.config import SweepConfig, TrainConfig
from s2s.data import catalog
from s2s.errors import UserError
from s2s.paths import CHECKPOINT, corpora_folder, home, run_folder
from s2s.records import STEP_DTYPE, RunState, SweepState
from s2s.store import Store
from s2s.store.sweeps import read_sweep, read_sweeps
from s2s.text.run import describe_result
from s2s.training.checkpoint import load_checkpoint
from tests.plausible import summary
from tests.tiny import tiny_config, tiny_corpus, wait_until
from tools.soak.server import DELETE_ME

LAST_SECONDS = 1.0
"""Of records, which a kill may take."""
_PATIENCE_SECONDS = 300.0
Events = list[dict[str, Any]]


class Lost(str):
    """A sentence on what was recorded and is gone."""


@dataclass(frozen=True)
class Kill:
    """A server that was killed, and what stands at the next start."""

    events: Events
    """What it had logged."""
    at: float
    """On the monotonic clock."""
    manager: Scheduler
    """Of the next start."""


class Scene:
    """One activity in one home; `finished` are digests of what no later kill may touch."""

    longest_seconds = 2.0
    """The kill comes at a random moment up to this long after the activity began."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        tiny_corpus(folder)

    def asked(self) -> dict[str, Any]:
        """For the server's activity; called before each start."""
        return {}

    def begun(self, events: Events) -> bool:
        return bool(events)

    def wait(self, _events: Callable[[], Events]) -> None:
        """Until a random moment; called once the activity has begun."""
        time.sleep(random.uniform(0, self.longest_seconds))

    def under_way(self, events: Events) -> bool:
        return bool(events) and events[-1]["event"] != "over"

    def look(self, kill: Kill) -> Iterator[str]:
        """What is not as promised, a sentence each; `Lost` ones of what is gone."""
        raise NotImplementedError


class Bouts(Scene):
    """An activity in many short bouts, each with its begin and its end."""

    def begun(self, events: Events) -> bool:
        return any(event["event"] == "end" for event in events)

    def wait(self, events: Callable[[], Events]) -> None:
        """Until a random moment of a random bout."""
        super().wait(events)
        while (seen := events())[-1]["event"] == "end":
            time.sleep(0.0005)
        ends = [event["at"] for event in seen if event["event"] == "end"]
        begins = [event["at"] for event in seen if event["event"] == "begin"]
        bouts = [end - begin for begin, end in zip(begins, ends, strict=False)]
        time.sleep(random.uniform(0, statistics.median(bouts)))

    def under_way(self, events: Events) -> bool:
        return bool(events) and events[-1]["event"] == "begin"


class Training(Scene):
    config = tiny_config(iterations=1500, hidden_size=16, evaluate_every=100, keep_optimizer=True)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        store = Store(home())
        manager = Scheduler(store)
        (run_id,) = manager.submit([self.config])
        _finished(store, run_id)
        self.uncut = store.steps(run_id)["loss_sum"].tobytes()
        store.close()

    def asked(self) -> dict[str, Any]:
        return {"config": self.config.to_json()}

    def begun(self, events: Events) -> bool:
        return any(event["event"] == "step" for event in events)

    def look(self, kill: Kill) -> Iterator[str]:
        (run_id,) = (event["id"] for event in kill.events if event["event"] == "run")
        run = kill.manager.store.run(run_id)
        steps = kill.manager.store.steps(run_id)["iteration"]
        before = [
            event["iteration"]
            for event in kill.events
            if event["event"] == "step" and event["at"] < kill.at - LAST_SECONDS
        ]
        if before and before[-1] > len(steps):
            yield Lost(f"Run {run_id}: step {before[-1]} was over a second old, {len(steps)} kept.")
        if not np.array_equal(steps, np.arange(1, len(steps) + 1)):
            yield Lost(f"Run {run_id}: steps are missing among the {len(steps)} kept.")
        if run.state is not RunState.INTERRUPTED:
            yield f"Run {run_id} is {run.state}, not interrupted."
        kill.manager.resume(run_id)
        _finished(kill.manager.store, run_id)
        run = kill.manager.store.run(run_id)
        if run.state is not RunState.FINISHED:
            yield f"Run {run_id} was resumed and is {run.state}: {describe_result(run)}"
        elif kill.manager.store.steps(run_id)["loss_sum"].tobytes() != self.uncut:
            yield f"Run {run_id} was resumed to other losses than the run that was never cut."


class Checkpointing(Bouts, Training):
    """Large weights, many checkpoints: the kill comes while one is being written."""

    config = tiny_config(iterations=60, hidden_size=384, evaluate_every=2, keep_optimizer=True)

    def look(self, kill: Kill) -> Iterator[str]:
        (run_id,) = (event["id"] for event in kill.events if event["event"] == "run")
        ends = [event["iteration"] for event in kill.events if event["event"] == "end"]
        allowed = {ends[-1], kill.events[-1]["iteration"]}
        try:
            found = load_checkpoint(run_folder(run_id), with_state=True).iteration
            if found not in allowed:
                yield Lost(f"Run {run_id}: the checkpoint is of iteration {found}, not {allowed}.")
        except UserError as error:
            yield Lost(str(error))
        if stray := [path.name for path in run_folder(run_id).iterdir() if path.name != CHECKPOINT]:
            yield f"Run {run_id}: left behind {stray}."
        yield from super().look(kill)


class Preparing(Bouts):
    """A corpus is prepared and removed again and again, beside one that stays."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._file = folder / "soak.tsv"
        self._file.write_bytes(gzip.decompress(catalog.STARTER_FILE.read_bytes()))
        self._kept = _digest_folder(corpora_folder() / "tiny")
        catalog.add(corpora_folder(), self._file, "soak")
        self._whole = _tokens("soak")
        catalog.remove(corpora_folder(), "soak")

    def asked(self) -> dict[str, Any]:
        return {"file": str(self._file)}

    def look(self, _kill: Kill) -> Iterator[str]:
        folder = corpora_folder()
        if _digest_folder(folder / "tiny") != self._kept:
            yield Lost("The corpus that lay beside is no longer as it was.")
        names = {path.name for path in folder.iterdir()} - {"tiny", "soak"}
        if names:
            yield f"Left behind among the corpora: {sorted(names)}."
        if (folder / "soak").exists() and _tokens("soak") != self._whole:
            yield "The corpus is there, and not whole."
        catalog.add(folder, self._file, "soak")
        if _tokens("soak") != self._whole:
            yield "The corpus was added again, and is not whole."
        catalog.remove(folder, "soak")


class Sweeping(Scene):
    longest_seconds = 4.0
    config = SweepConfig(
        base=tiny_config(hidden_size=16),
        batch_sizes=(4, 8),
        repeats=2,
        budget="iterations",  # type: ignore[arg-type]
        amount=400,
        keep_all_weights=True,
    )

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        store = Store(home())
        manager = Scheduler(store)
        sweep_id = manager.submit_sweep(self.config)
        self.uncut = _swept(store, sweep_id)
        store.close()

    def asked(self) -> dict[str, Any]:
        return {"config": self.config.to_json()}

    def look(self, kill: Kill) -> Iterator[str]:
        (sweep_id,) = (event["id"] for event in kill.events if event["event"] == "sweep")
        found = read_sweep(kill.manager.store, sweep_id)
        if found.state is not SweepState.STOPPED:
            yield f"Sweep {sweep_id} is {found.state}, though nobody does it."
        kill.manager.resume_sweep(sweep_id)
        if _swept(kill.manager.store, sweep_id) != self.uncut:
            yield f"Sweep {sweep_id} went on to other rows than the one that was never cut."


class Deleting(Bouts):
    """Runs with checkpoints are deleted one after the other, beside some that stay."""

    longest_seconds = 0.1

    def asked(self) -> dict[str, Any]:
        store = Store(home())
        there = [run for run in store.runs() if run.name == DELETE_ME]
        for _ in range(60 - len(there)):
            _made(store, DELETE_ME)
        _made(store, "keep me")
        store.close()
        return {}

    def look(self, kill: Kill) -> Iterator[str]:
        ended = {event["id"] for event in kill.events if event["event"] == "end"}
        begun = {event["id"] for event in kill.events if event["event"] == "begin"}
        here = {run.id: run for run in kill.manager.store.runs(archived=True)}
        hidden = {run.id for run in kill.manager.store.deleted_runs()}
        folders = {int(path.name) for path in (home() / "runs").iterdir()}
        if back := sorted(ended & (set(here) | hidden | folders)):
            yield f"Runs {back} were deleted and are there again."
        for run_id in begun - ended:
            if (run_id in here or run_id in hidden) != (run_id in folders):
                yield f"Run {run_id} is half deleted."
        for run_id in set(here) - begun:
            if len(kill.manager.store.steps(run_id)) != _STEPS or run_id not in folders:
                yield Lost(f"Run {run_id}, which nobody deleted, is not whole.")
        if stray := sorted(folders - set(here) - hidden):
            yield f"Folders without a run: {stray}."


_STEPS = 2000


def _made(store: Store, name: str) -> int:
    """A finished run with records and a checkpoint file of some size, not trained."""
    config = TrainConfig(corpus="tiny", batch_size=4, device="cpu")
    run_id = store.create_run(config, name)
    store.start_run(run_id, "cpu", {})
    block = np.zeros(_STEPS, STEP_DTYPE)
    block["iteration"] = np.arange(1, _STEPS + 1)
    store.write_steps(run_id, block)
    run_folder(run_id).mkdir(parents=True)
    (run_folder(run_id) / CHECKPOINT).write_bytes(random.Random(run_id).randbytes(2_000_000))
    store.finish_run(run_id, summary(run_id, RunState.FINISHED, config, _STEPS))
    return run_id


def digests(store: Store) -> dict[int, str]:
    """Of each finished run that is not to be deleted: its records and its files."""
    return {
        run.id: _digest(store, run.id)
        for run in store.runs(archived=True)
        if run.state is RunState.FINISHED and run.name != DELETE_ME
    }


def _digest(store: Store, run_id: int) -> str:
    found = hashlib.sha256(store.steps(run_id).tobytes())
    for part in (store.run(run_id), store.evaluations(run_id), store.device_samples(run_id)):
        found.update(repr(part).encode())
    return found.hexdigest() + _digest_folder(run_folder(run_id))


def _digest_folder(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        found.update(path.name.encode() + (path.read_bytes() if path.is_file() else b""))
    return found.hexdigest()


def _tokens(name: str) -> list[list[int]]:
    corpus = catalog.open_corpus(corpora_folder(), name)
    return [side.tokens.tolist() for side in (corpus.source, corpus.target)]


def _finished(store: Store, run_id: int) -> None:
    wait_until(lambda: store.run(run_id).state.is_finished(), _PATIENCE_SECONDS)


def _swept(store: Store, sweep_id: int) -> dict[tuple[int, int], bytes]:
    """The losses of each part, once the sweep is done."""

    def ended() -> bool:
        (sweep,) = (each for each in read_sweeps(store) if each.id == sweep_id)
        return sweep.state is not SweepState.RUNNING

    wait_until(ended, _PATIENCE_SECONDS)
    return {
        (part.batch_size, part.repeat): store.steps(part.run.id)["loss_sum"].tobytes()
        for part in read_sweep(store, sweep_id).parts
        if part.run
    }
