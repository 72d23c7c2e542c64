"""Time another program and s2s in turn, each time in a fresh process, and compare them in pairs.

    python -m benchmarks.against --corpus fra-eng --batch-sizes 2,32 --pairs 5 \
        -- python other.py --batch-sizes {batch_size} --threads {threads}

`{batch_size}` and `{threads}` in the command are filled in. The command trains at that batch size
and prints a JSON line with `batch_size` and `samples_per_second` or `target_tokens_per_second`.
If it prints both, target tokens are compared: they are the work, and two programs that draw
their own sentences draw sentences of different lengths.

The other program goes first in the odd pairs, s2s in the even ones. Both get the same environment:
the same number of threads, and idle threads that sleep soon after a step unless GOMP_SPINCOUNT says
otherwise. Prints one JSON line per pair, then one per batch size with the median ratio (s2s over
the other program) and the range of the pairs. Whatever the distribution, the range of n independent
pairs contains the true median with probability 1 - 2**(1 - n): 94% with five pairs.
"""

import argparse
import dataclasses
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from s2s.bench.rounds import Rounds
from s2s.config import TrainConfig
from s2s.errors import UserError
from s2s.locks import lease_without_waiting
from s2s.task import open_task
from s2s.threads import limit_thread_spinning
from s2s.training.device import resolve_device

MEASURES = ("target_tokens_per_second", "samples_per_second")
"""The first one that the other program prints is compared."""


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(options.threads)
    limit_thread_spinning()
    try:
        base = TrainConfig.from_json(vars(options))
        with lease_without_waiting(str(resolve_device(base.device))):
            for batch_size in map(int, options.batch_sizes.split(",")):
                config = dataclasses.replace(base, batch_size=batch_size)
                print(json.dumps(compare_pairs(config, options)), flush=True)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    default = TrainConfig()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.against", description=__doc__.splitlines()[0]
    )
    add = parser.add_argument
    add("--corpus", default=default.corpus, help="prepared corpus (default: %(default)s)")
    add("--batch-sizes", default="32", help="such as 2,32 (default: %(default)s)")
    add("--engine", default=default.engine.value)
    add("--precision", default=default.precision.value)
    add("--hidden-size", type=int, default=default.hidden_size)
    add("--layers", type=int, default=default.layers)
    add("--optimizer", default=default.optimizer.value)
    add("--learning-rate", type=float, default=default.learning_rate)
    add("--device", default=default.device, help="auto, cpu or cuda:N")
    add("--threads", type=int, default=1, help="threads of both programs (default: %(default)s)")
    add("--pairs", type=int, default=5)
    add("--seconds", type=float, default=8.0, help="training time per run of s2s")
    add("command", nargs="+", help="command of the other program, after --")
    return parser


def compare_pairs(config: TrainConfig, options: argparse.Namespace) -> dict[str, object]:
    """Time all pairs of one batch size and print each; return the summary."""
    ratios = []
    for number in range(1, options.pairs + 1):
        ours_first = number % 2 == 0
        row = time_in_fresh_process(config, options.seconds) if ours_first else {}
        measure, theirs = run_other_program(options.command, config)
        row = row or time_in_fresh_process(config, options.seconds)
        ratios.append(row[measure] / theirs)
        pair = {"pair": number, "batch_size": config.batch_size, "measure": measure}
        pair |= {"ours": row[measure], "theirs": theirs, "ratio": ratios[-1]}
        print(json.dumps(pair), flush=True)
    return {
        "batch_size": config.batch_size,
        "median_ratio": statistics.median(ratios),
        "lowest_ratio": min(ratios),
        "highest_ratio": max(ratios),
        "pairs": options.pairs,
    }


def run_other_program(command: list[str], config: TrainConfig) -> tuple[str, float]:
    """Run the other program; return which measure it printed, and its value per second."""
    filled = [
        word.replace("{batch_size}", str(config.batch_size)).replace(
            "{threads}", str(config.threads)
        )
        for word in command
    ]
    try:
        done = subprocess.run(filled, stdout=subprocess.PIPE, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise UserError(f"The other program failed: {error}") from error
    for line in reversed(done.stdout.splitlines()):
        values = parse_json_object(line)
        for measure in MEASURES:
            if values.get("batch_size") == config.batch_size and values.get(measure):
                return measure, float(values[measure])
    raise UserError(
        f'The other program printed no line such as {{"batch_size": {config.batch_size}, '
        f'"{MEASURES[0]}": 123.4}} (or "{MEASURES[1]}").'
    )


def parse_json_object(line: str) -> dict[str, Any]:
    """Parse the line; return an empty object if it is not a JSON object."""
    try:
        values = json.loads(line)
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def time_in_fresh_process(config: TrainConfig, seconds: float) -> dict[str, Any]:
    """Time s2s in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as process:
        return process.submit(time_steps, config, seconds).result()


def time_steps(config: TrainConfig, seconds: float) -> dict[str, Any]:
    """Return the figures of one round, as in a BenchRow."""
    device = resolve_device(config.device)
    rounds = Rounds([config], open_task, device, rounds=1, seconds=seconds)
    for _ in rounds.run():
        pass
    if not rounds.build_rows():
        raise UserError(rounds.notes[0])
    return dataclasses.asdict(rounds.build_rows()[0])


if __name__ == "__main__":
    sys.exit(main())
