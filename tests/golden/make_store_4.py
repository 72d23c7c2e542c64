"""Makes the golden store of version 4, by the program as it was then.

    S2S_HOME=AN_EMPTY_FOLDER PYTHONPATH=.:tests python tests/golden/make_store_4.py OUTPUT_FOLDER

Run at the last commit before version 5 (65d75c0); kept to tell how store_4.* came about.
"""

import gzip
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path
from threading import Event
from types import SimpleNamespace

from tiny import tiny_config, tiny_corpus

from s2s.config import Engine, SweepConfig
from s2s.home import home
from s2s.records import RunState, StepMemory
from s2s.runs import ending, sweep_memory
from s2s.runs import execute as execute_module
from s2s.runs.execute import execute
from s2s.runs.export import export_json
from s2s.runs.kept_noise import keep_noise
from s2s.runs.noise import noise_of_run
from s2s.runs.store import Store
from s2s.runs.sweep import run_sweep
from s2s.runs.sweeps import create_sweep, delete_sweep, describe_sweep, take

# Nothing of the machine on which it was made.
execute_module.system_info = lambda: {"python": "3.11.0", "torch": "2.13.0"}
ending.traceback = SimpleNamespace(format_exc=lambda: "Traceback: nowhere")


def killed() -> None:
    store = Store(home())
    run_id = store.create_run(tiny_config(iterations=100_000_000), "cut off")
    execute(store, run_id, Event())


def main(output: Path) -> None:
    home().mkdir(parents=True)
    tiny_corpus(home())
    store = Store(home())
    for name, changes in (
        ("finished", {"iterations": 20, "keep_optimizer": True, "sentences": ("tu vois",)}),
        ("archived", {"engine": Engine.ARTICLE}),
        ("deleted", {"teacher_forcing": 0.5}),
        ("failed", {"corpus": "nowhere"}),
    ):
        execute(store, store.create_run(tiny_config(**changes), name), Event())
    process = multiprocessing.get_context("spawn").Process(target=killed)
    process.start()
    while not any(run.name == "cut off" and run.iterations_done for run in store.runs()):
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    store.mark_interrupted()
    store.describe_run(1, "my notes: 100 % mine\nand more", ["good", "été"])
    store.archive_run(2)
    store.delete_run(3)
    keep_noise(store, noise_of_run(1, 640))
    cells = iter(range(100, 10_000, 100))

    def memory(config, _given_up):
        return StepMemory(config.engine, config.batch_size, 50_000_000, next(cells))

    sweep_memory.in_a_process = memory
    config = SweepConfig(base=tiny_config(), batch_sizes=(2, 4), repeats=1, amount=20)
    for _ in range(2):
        sweep_id = create_sweep(store, config)
        take(store, sweep_id)
        for _ in run_sweep(store, sweep_id, Event()):
            pass
    describe_sweep(store, 1, "my sweep", "its notes")
    delete_sweep(store, 2)
    assert store.run(5).state is RunState.INTERRUPTED
    with gzip.open(output / "store_4.jsonl.gz", "wt", encoding="utf-8") as file:
        export_json(store, file)
    store.close()
    with gzip.GzipFile(output / "store_4.sqlite.gz", "wb", mtime=0) as file:
        file.write((home() / "store.sqlite").read_bytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
