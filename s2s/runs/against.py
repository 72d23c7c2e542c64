"""Another program and ours in turn, each time in a fresh process, and the ratio pair by pair."""

import json
import math
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s2s.analysis import timing
from s2s.checks import quoted
from s2s.config import TrainConfig, UserError
from s2s.records import PairedRow
from s2s.runs import own_process
from s2s.threads import Waiting, set_waiting

MEASURES = ("target_tokens_per_second", "samples_per_second")
"""What a program may print; the first that theirs does is compared: the tokens are the work, and
two programs that draw their own sentences draw them of other lengths."""


@dataclass(frozen=True)
class Pair:
    config: TrainConfig
    number: int
    """From 1."""
    measure: str
    ours: float
    theirs: float


class Other:
    """A program that trains at a batch size and prints its speed as JSON."""

    def __init__(self, path: str, arguments: str = "") -> None:
        """A `.py` file is run with this Python, anything else is executed.

        It is given `--batch-sizes B --threads N`, then `arguments`, which are split as a shell
        would; where they hold `{batch_size}` or `{threads}`, these are filled in and nothing else
        is given. Raises UserError where there is nothing to run.
        """
        program = Path(path).expanduser()
        if not program.is_file():
            raise UserError(f"There is no program {path} to compare with.")
        self._start = [str(program.resolve())]
        if program.suffix == ".py":
            self._start.insert(0, sys.executable)
        elif not os.access(program, os.X_OK):
            raise UserError(f"{path} is neither a .py file nor executable (chmod +x).")
        try:
            self._arguments = shlex.split(arguments)
        except ValueError as error:
            raise UserError(
                f"The arguments {quoted(arguments)} cannot be split ({error})."
            ) from error

    def command(self, batch_size: int, threads: int) -> list[str]:
        given = [
            each.replace("{batch_size}", str(batch_size)).replace("{threads}", str(threads))
            for each in self._arguments
        ]
        if given == self._arguments:
            given = ["--batch-sizes", str(batch_size), "--threads", str(threads), *given]
        return [*self._start, *given]

    def speed(
        self, batch_size: int, threads: int, environment: dict[str, str]
    ) -> tuple[str, float]:
        """The measure it prints and its value a second. Raises UserError where it does not."""
        output = _output("The other program", self.command(batch_size, threads), environment)
        for line in reversed(output.splitlines()):
            values = _object(line)
            if values.get("batch_size") != batch_size:
                continue
            for measure in MEASURES:
                if _is_speed(values.get(measure)):
                    return measure, float(values[measure])
        raise UserError(
            f'The other program printed no line such as {{"batch_size": {batch_size}, '
            f'"{MEASURES[0]}": 123.4}} (or "{MEASURES[1]}").'
        )


class Comparison:
    """Turns in which theirs and each of ours run once at a batch size, first theirs, then ours,
    the other way round in the next. `rows()` at any time: what was measured so far."""

    def __init__(
        self,
        configs: Sequence[TrainConfig],
        other: Other,
        *,
        pairs: int,
        seconds: float,
        waiting: Waiting | None = None,
    ) -> None:
        """`seconds`: of training, in each of our processes. Every configuration says how many
        threads; theirs gets as many, and the environment that ours gets. `waiting`: None for
        what this process's own environment says."""
        self._configs, self._other, self._pairs, self._seconds = configs, other, pairs, seconds
        self._environment = dict(os.environ)
        if waiting:
            set_waiting(self._environment, waiting)
        self.pairs: list[Pair] = []

    def run(self) -> Iterator[Pair]:
        """Yields each pair once both of it ran. Raises UserError where one of them failed."""
        for number in range(1, self._pairs + 1):
            for size in dict.fromkeys(config.batch_size for config in self._configs):
                configs = [config for config in self._configs if config.batch_size == size]
                for pair in self._turn(number, size, configs):
                    self.pairs.append(pair)
                    yield pair

    def rows(self) -> list[PairedRow]:
        """In the order of the configurations; those without a whole pair are left out."""
        return [
            _row(pairs)
            for config in self._configs
            if (pairs := [pair for pair in self.pairs if pair.config == config])
        ]

    def _turn(self, number: int, size: int, configs: list[TrainConfig]) -> Iterator[Pair]:
        threads = configs[0].threads
        environment = self._environment | {
            "OMP_NUM_THREADS": str(threads),
            "MKL_NUM_THREADS": str(threads),
        }
        ours_first = number % 2 == 0
        rows = [self._ours(config, environment) for config in configs] if ours_first else []
        measure, theirs = self._other.speed(size, threads, environment)
        for index, config in enumerate(configs):
            row = rows[index] if ours_first else self._ours(config, environment)
            yield Pair(config, number, measure, row[measure], theirs)

    def _ours(self, config: TrainConfig, environment: dict[str, str]) -> dict[str, Any]:
        wanted = {"config": config.to_json(), "seconds": self._seconds}
        command = own_process.command("s2s.runs.bench_process", wanted)
        output = _output("A process of s2s", command, own_process.environment_for(environment))
        return _object((output.splitlines() or [""])[-1])


def _row(pairs: list[Pair]) -> PairedRow:
    config = pairs[0].config
    ours, theirs = [pair.ours for pair in pairs], [pair.theirs for pair in pairs]
    ratio = timing.ratio_of_pairs(ours, theirs)
    return PairedRow(
        engine=config.engine.value,
        precision=config.precision.value,
        batch_size=config.batch_size,
        measure=pairs[0].measure,
        ours=timing.spread(ours).median,
        theirs=timing.spread(theirs).median,
        ratio=ratio.median,
        ratio_low=ratio.low,
        ratio_high=ratio.high,
        pairs=tuple(zip(ours, theirs, strict=True)),
    )


def _output(name: str, command: list[str], environment: dict[str, str]) -> str:
    """What it prints. Raises UserError where it cannot be started or fails."""
    try:
        done = subprocess.run(  # noqa: S603 (the user's own program, and ours)
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="backslashreplace",
            check=False,
        )
    except OSError as error:
        raise UserError(f"{name} cannot be started ({error.strerror}).") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it says nothing more"])[-1][:300]
        raise UserError(f"{name} ended with exit code {done.returncode}: {last}")
    return done.stdout


def _object(line: str) -> dict[str, Any]:
    """The line as a JSON object; empty where it is none."""
    try:
        values = json.loads(line)
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def _is_speed(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 < float(value) < math.inf  # type: ignore[arg-type]
