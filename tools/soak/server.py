"""A dashboard's server that performs one activity and logs when it begins and ends.

    python -m tools.soak.server ACTIVITY FOLDER run dashboard.py ...

The arguments after FOLDER go to Streamlit. The activity begins when FOLDER contains a file `go`.
Its log is FOLDER/log, a line of JSON per event, written without a buffer, so a kill loses none.
"""

import itertools
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streamlit.web.cli import main as streamlit

from pages.shared.state import get_scheduler, get_store
from s2s.config import SweepConfig, TrainConfig
from s2s.data import catalog
from s2s.paths import corpora_folder
from s2s.runs import memory as run_memory
from s2s.runs.files import purge
from tools.soak.log import Log

DELETE_ME = "delete me"


def training(log: Log, request: dict[str, Any]) -> None:
    """Train a run; log each step."""
    from s2s.runs.recorder import Recorder  # loads torch

    step = Recorder.record_step

    def logged(recorder: Recorder, record: Any) -> bool:
        log.write("step", iteration=record.iteration)
        return step(recorder, record)

    Recorder.record_step = logged  # type: ignore[method-assign]
    _train(log, request)


def checkpointing(log: Log, request: dict[str, Any]) -> None:
    """Train a run; log each checkpoint."""
    from s2s.runs import execute as saving

    save = saving.save_checkpoint

    def logged(folder: Path, checkpoint: Any) -> None:
        log.write("begin", iteration=checkpoint.iteration)
        save(folder, checkpoint)
        log.write("end", iteration=checkpoint.iteration)

    saving.save_checkpoint = logged
    _train(log, request)


def _train(log: Log, request: dict[str, Any]) -> None:
    manager = get_scheduler()
    (run_id,) = manager.submit([TrainConfig.from_json(request["config"])])
    log.write("run", id=run_id)
    while not manager.store.run(run_id).state.has_ended():
        time.sleep(0.01)
    log.write("over")


def preparing(log: Log, request: dict[str, Any]) -> None:
    """Prepare and remove a corpus without an end."""
    for number in itertools.count():
        log.write("begin", number=number)
        catalog.add(corpora_folder(), request["file"], "soak")
        log.write("end", number=number)
        catalog.remove(corpora_folder(), "soak")


def sweeping(log: Log, request: dict[str, Any]) -> None:
    """Train a sweep."""
    run_memory.measure_step_memory = lambda *_: None  # takes seconds per batch size
    manager = get_scheduler()
    sweep_id = manager.submit_sweep(SweepConfig.from_json(request["config"]))
    log.write("sweep", id=sweep_id)
    while any(thread.name == f"s2s-sweep-{sweep_id}" for thread in threading.enumerate()):
        time.sleep(0.01)
    log.write("over")


def deleting(log: Log, _request: dict[str, Any]) -> None:
    """Delete the runs that are named for it."""
    store = get_store()
    for run in store.runs():
        if run.name == DELETE_ME:
            log.write("begin", id=run.id)
            store.delete_run(run.id)
            purge(store, run.id)
            log.write("end", id=run.id)
    log.write("over")


ACTIVITIES: dict[str, Callable[[Log, dict[str, Any]], None]] = {
    each.__name__: each for each in (training, checkpointing, preparing, sweeping, deleting)
}


def _wait_and_run(activity: str, folder: Path) -> None:
    while not (folder / "go").exists():
        time.sleep(0.01)
    log = Log(folder / "log")
    try:
        ACTIVITIES[activity](log, json.loads((folder / "go").read_text(encoding="utf-8")))
    except Exception as error:
        log.write("error", what=repr(error))


if __name__ == "__main__":
    _, activity, folder, *streamlit_arguments = sys.argv
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    threading.Thread(target=_wait_and_run, args=(activity, Path(folder)), daemon=True).start()
    sys.argv = ["streamlit", *streamlit_arguments]
    streamlit()
