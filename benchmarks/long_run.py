"""Train a long run at batch size 2: do steps slow down, does memory grow?

    python -m benchmarks.long_run --corpus fra-eng --iterations 100000

Trains one run as the command line does and prints one JSON object: the median processor time per
step (all threads) for each tenth of the run, resident memory at the ends of the second and the last
tenth, and the ratios of both.
"""

import argparse
import json
import statistics
import threading
import time

import psutil

from s2s.threads import limit_thread_spinning

limit_thread_spinning()

from s2s.config import TrainConfig  # noqa: E402 (torch reads the environment when it is imported)
from s2s.paths import home  # noqa: E402
from s2s.records import Evaluation, StepRecord  # noqa: E402
from s2s.runs.execute import execute  # noqa: E402
from s2s.store import Store  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", default="starter")
    parser.add_argument("--iterations", type=int, default=100_000)
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    process = psutil.Process()
    seconds: list[float] = []
    resident_bytes: list[int] = []
    last = 0.0

    def watch(event: StepRecord | Evaluation) -> None:
        nonlocal last
        now = time.process_time()
        if isinstance(event, StepRecord):
            seconds.append(now - last)
            if event.iteration % (args.iterations // 100) == 0:
                resident_bytes.append(process.memory_info().rss)
        last = time.process_time()

    store = Store(home())
    run_id = store.create_run(
        TrainConfig(
            corpus=args.corpus,
            batch_size=args.batch_size,
            iterations=args.iterations,
            threads=args.threads,
        )
    )
    state = execute(store, run_id, threading.Event(), watch)
    store.close()
    tenth = len(seconds) // 10
    tenths = [
        statistics.median(seconds[number * tenth : (number + 1) * tenth]) for number in range(10)
    ]
    memory = [resident_bytes[number] for number in (19, 99)]
    print(
        json.dumps(
            {
                "state": state,
                "steps": len(seconds),
                "processor_ms_by_tenth": [round(1e3 * each, 3) for each in tenths],
                "last_over_second_tenth": round(tenths[-1] / tenths[1], 4),
                "resident_mib_at_20_and_100_percent": [each // 2**20 for each in memory],
                "memory_ratio": round(memory[1] / memory[0], 4),
            }
        )
    )


if __name__ == "__main__":
    main()
