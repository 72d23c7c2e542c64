"""A dashboard's server that does one thing again and again, and logs when it begins and ends it.

    python -m tools.soak.server ACTIVITY FOLDER run dashboard.py ...

What follows FOLDER goes to Streamlit. The activity begins when FOLDER holds a file `go`; its log
is FOLDER/log, a line of JSON an event, written without a buffer, so that a kill loses none.
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


def training(log: Log, asked: dict[str, Any]) -> None:
    from s2s.runs.recorder import Recorder  # torch, seconds to load

    step = Recorder.step

    def logged(recorder: Recorder, record: Any) -> bool:
        log.write("step", iteration=record.iteration)
        return step(recorder, record)

    Recorder.step = logged  # type: ignore[method-assign]
    _trained(log, asked)


def checkpointing(log: Log, asked: dict[str, Any]) -> None:
    from s2s.runs import execute as saving

    save = saving.save_checkpoint

    def logged(folder: Path, checkpoint: Any) -> None:
        log.write("begin", iteration=checkpoint.iteration)
        save(folder, checkpoint)
        log.write("end", iteration=checkpoint.iteration)

    saving.save_checkpoint = logged
    _trained(log, asked)


def _trained(log: Log, asked: dict[str, Any]) -> None:
    manager = get_scheduler()
    (run_id,) = manager.submit([TrainConfig.from_json(asked["config"])])
    log.write("run", id=run_id)
    while not manager.store.run(run_id).state.is_finished():
        time.sleep(0.01)
    log.write("over")


def preparing(log: Log, asked: dict[str, Any]) -> None:
    for number in itertools.count():
        log.write("begin", number=number)
        catalog.add(corpora_folder(), asked["file"], "soak")
        log.write("end", number=number)
        catalog.remove(corpora_folder(), "soak")


def sweeping(log: Log, asked: dict[str, Any]) -> None:
    run_memory.measure_step_memory = lambda *_: None  # seconds a batch size
    manager = get_scheduler()
    sweep_id = manager.submit_sweep(SweepConfig.from_json(asked["config"]))
    log.write("sweep", id=sweep_id)
    while any(thread.name == f"s2s-sweep-{sweep_id}" for thread in threading.enumerate()):
        time.sleep(0.01)
    log.write("over")


def deleting(log: Log, _asked: dict[str, Any]) -> None:
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


def _when_told(activity: str, folder: Path) -> None:
    while not (folder / "go").exists():
        time.sleep(0.01)
    log = Log(folder / "log")
    try:
        ACTIVITIES[activity](log, json.loads((folder / "go").read_text(encoding="utf-8")))
    except Exception as error:
        log.write("error", what=repr(error))


if __name__ == "__main__":
    _, chosen, told_in, *streamlits = sys.argv
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    threading.Thread(target=_when_told, args=(chosen, Path(told_in)), daemon=True).start()
    sys.argv = ["streamlit", *streamlits]
    streamlit()
