"""Activities during which a server is killed, and what must hold at the next start."""

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

LOSABLE_SECONDS = 1.0
"""A kill may lose the records of this last time."""
_WAIT_SECONDS = 300.0
Events = list[dict[str, Any]]


class Lost(str):
    """A sentence about recorded data that is gone."""


@dataclass(frozen=True)
class Kill:
    """A killed server and the next start on the same home."""

    events: Events
    """The server's log."""
    at: float
    """On the monotonic clock."""
    manager: Scheduler
    """Scheduler of the next start."""


class Scene:
    """One activity in one home."""

    longest_seconds = 2.0
    """The kill comes at a random moment within this time after the activity began."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        tiny_corpus(folder)

    def request(self) -> dict[str, Any]:
        """Return what the server's activity needs to know; called before each start."""
        return {}

    def has_begun(self, events: Events) -> bool:
        """Return whether the activity has begun, by the server's log."""
        return bool(events)

    def wait(self, _events: Callable[[], Events]) -> None:
        """Wait until a random moment; called once the activity has begun."""
        time.sleep(random.uniform(0, self.longest_seconds))

    def is_active(self, events: Events) -> bool:
        """Return whether the kill came during the activity."""
        return bool(events) and events[-1]["event"] != "over"

    def find_problems(self, kill: Kill) -> Iterator[str]:
        """Yield a sentence per problem, `Lost` ones for data that is gone."""
        raise NotImplementedError


class RepeatedScene(Scene):
    """An activity that is repeated; each repetition logs its begin and its end."""

    def has_begun(self, events: Events) -> bool:
        return any(event["event"] == "end" for event in events)

    def wait(self, events: Callable[[], Events]) -> None:
        """Wait until a random moment of a random repetition."""
        super().wait(events)
        while (logged := events())[-1]["event"] == "end":
            time.sleep(0.0005)
        ends = [event["at"] for event in logged if event["event"] == "end"]
        begins = [event["at"] for event in logged if event["event"] == "begin"]
        durations = [end - begin for begin, end in zip(begins, ends, strict=False)]
        time.sleep(random.uniform(0, statistics.median(durations)))

    def is_active(self, events: Events) -> bool:
        return bool(events) and events[-1]["event"] == "begin"


class Training(Scene):
    config = tiny_config(iterations=1500, hidden_size=16, evaluate_every=100, keep_optimizer=True)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        store = Store(home())
        manager = Scheduler(store)
        (run_id,) = manager.submit([self.config])
        _wait_for_run(store, run_id)
        self.uninterrupted = store.steps(run_id)["loss_sum"].tobytes()
        store.close()

    def request(self) -> dict[str, Any]:
        return {"config": self.config.to_json()}

    def has_begun(self, events: Events) -> bool:
        return any(event["event"] == "step" for event in events)

    def find_problems(self, kill: Kill) -> Iterator[str]:
        (run_id,) = (event["id"] for event in kill.events if event["event"] == "run")
        run = kill.manager.store.run(run_id)
        steps = kill.manager.store.steps(run_id)["iteration"]
        before = [
            event["iteration"]
            for event in kill.events
            if event["event"] == "step" and event["at"] < kill.at - LOSABLE_SECONDS
        ]
        if before and before[-1] > len(steps):
            yield Lost(f"Run {run_id}: step {before[-1]} is lost; {len(steps)} steps are left.")
        if not np.array_equal(steps, np.arange(1, len(steps) + 1)):
            yield Lost(f"Run {run_id}: steps are missing among the {len(steps)} recorded.")
        if run.state is not RunState.INTERRUPTED:
            yield f"Run {run_id} is {run.state}, not interrupted."
        kill.manager.resume(run_id)
        _wait_for_run(kill.manager.store, run_id)
        run = kill.manager.store.run(run_id)
        if run.state is not RunState.FINISHED:
            yield f"Run {run_id} was resumed and is {run.state}: {describe_result(run)}"
        elif kill.manager.store.steps(run_id)["loss_sum"].tobytes() != self.uninterrupted:
            yield f"Run {run_id} was resumed to other losses than an uninterrupted run."


class Checkpointing(RepeatedScene, Training):
    """Large weights and many checkpoints: the kill comes while one is written."""

    config = tiny_config(iterations=60, hidden_size=384, evaluate_every=2, keep_optimizer=True)

    def find_problems(self, kill: Kill) -> Iterator[str]:
        (run_id,) = (event["id"] for event in kill.events if event["event"] == "run")
        ends = [event["iteration"] for event in kill.events if event["event"] == "end"]
        allowed = {ends[-1], kill.events[-1]["iteration"]}
        try:
            iteration = load_checkpoint(run_folder(run_id), with_state=True).iteration
            if iteration not in allowed:
                yield Lost(
                    f"Run {run_id}: the checkpoint is of iteration {iteration}, not {allowed}."
                )
        except UserError as error:
            yield Lost(str(error))
        if stray := [path.name for path in run_folder(run_id).iterdir() if path.name != CHECKPOINT]:
            yield f"Run {run_id}: left behind {stray}."
        yield from super().find_problems(kill)


class Preparing(RepeatedScene):
    """One corpus is prepared and removed repeatedly, while another one stays."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._file = folder / "soak.tsv"
        self._file.write_bytes(gzip.decompress(catalog.STARTER_FILE.read_bytes()))
        self._other_digest = _digest_folder(corpora_folder() / "tiny")
        catalog.add(corpora_folder(), self._file, "soak")
        self._tokens = _read_tokens("soak")
        catalog.remove(corpora_folder(), "soak")

    def request(self) -> dict[str, Any]:
        return {"file": str(self._file)}

    def find_problems(self, _kill: Kill) -> Iterator[str]:
        folder = corpora_folder()
        if _digest_folder(folder / "tiny") != self._other_digest:
            yield Lost("The other corpus has changed.")
        names = {path.name for path in folder.iterdir()} - {"tiny", "soak"}
        if names:
            yield f"Left behind among the corpora: {sorted(names)}."
        if (folder / "soak").exists() and _read_tokens("soak") != self._tokens:
            yield "The corpus is incomplete."
        catalog.add(folder, self._file, "soak")
        if _read_tokens("soak") != self._tokens:
            yield "The corpus was added again and is incomplete."
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
        self.uninterrupted = _wait_for_sweep(store, sweep_id)
        store.close()

    def request(self) -> dict[str, Any]:
        return {"config": self.config.to_json()}

    def find_problems(self, kill: Kill) -> Iterator[str]:
        (sweep_id,) = (event["id"] for event in kill.events if event["event"] == "sweep")
        state = read_sweep(kill.manager.store, sweep_id).state
        if state is not SweepState.STOPPED:
            yield f"Sweep {sweep_id} is {state}, but no process trains it."
        kill.manager.resume_sweep(sweep_id)
        if _wait_for_sweep(kill.manager.store, sweep_id) != self.uninterrupted:
            yield f"Sweep {sweep_id} was resumed to other losses than an uninterrupted sweep."


class Deleting(RepeatedScene):
    """Runs with checkpoints are deleted one by one, while others stay."""

    longest_seconds = 0.1

    def request(self) -> dict[str, Any]:
        store = Store(home())
        existing = [run for run in store.runs() if run.name == DELETE_ME]
        for _ in range(60 - len(existing)):
            _create_run(store, DELETE_ME)
        _create_run(store, "keep me")
        store.close()
        return {}

    def find_problems(self, kill: Kill) -> Iterator[str]:
        ended = {event["id"] for event in kill.events if event["event"] == "end"}
        begun = {event["id"] for event in kill.events if event["event"] == "begin"}
        runs = {run.id: run for run in kill.manager.store.runs(archived=True)}
        hidden = {run.id for run in kill.manager.store.deleted_runs()}
        folders = {int(path.name) for path in (home() / "runs").iterdir()}
        if back := sorted(ended & (set(runs) | hidden | folders)):
            yield f"Runs {back} were deleted and exist again."
        for run_id in begun - ended:
            if (run_id in runs or run_id in hidden) != (run_id in folders):
                yield f"Run {run_id} is half deleted."
        for run_id in set(runs) - begun:
            if len(kill.manager.store.steps(run_id)) != _STEPS or run_id not in folders:
                yield Lost(f"Run {run_id}, which was not deleted, is incomplete.")
        if stray := sorted(folders - set(runs) - hidden):
            yield f"Folders without a run: {stray}."


_STEPS = 2000


def _create_run(store: Store, name: str) -> int:
    """Store a finished run with records and a large checkpoint file, without training."""
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


def digest_finished_runs(store: Store) -> dict[int, str]:
    """Return a digest of records and files per finished run that is not to be deleted."""
    return {
        run.id: _digest(store, run.id)
        for run in store.runs(archived=True)
        if run.state is RunState.FINISHED and run.name != DELETE_ME
    }


def _digest(store: Store, run_id: int) -> str:
    digest = hashlib.sha256(store.steps(run_id).tobytes())
    for part in (store.run(run_id), store.evaluations(run_id), store.device_samples(run_id)):
        digest.update(repr(part).encode())
    return digest.hexdigest() + _digest_folder(run_folder(run_id))


def _digest_folder(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(path.name.encode() + (path.read_bytes() if path.is_file() else b""))
    return digest.hexdigest()


def _read_tokens(name: str) -> list[list[int]]:
    corpus = catalog.open_corpus(corpora_folder(), name)
    return [side.tokens.tolist() for side in (corpus.source, corpus.target)]


def _wait_for_run(store: Store, run_id: int) -> None:
    wait_until(lambda: store.run(run_id).state.has_ended(), _WAIT_SECONDS)


def _wait_for_sweep(store: Store, sweep_id: int) -> dict[tuple[int, int], bytes]:
    """Wait until the sweep has ended; return the losses by batch size and repeat."""

    def ended() -> bool:
        (sweep,) = (each for each in read_sweeps(store) if each.id == sweep_id)
        return sweep.state is not SweepState.RUNNING

    wait_until(ended, _WAIT_SECONDS)
    return {
        (part.batch_size, part.repeat): store.steps(part.run.id)["loss_sum"].tobytes()
        for part in read_sweep(store, sweep_id).parts
        if part.run
    }
