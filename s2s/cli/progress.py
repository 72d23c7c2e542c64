"""Progress bars on standard error, shown only on a terminal."""

import argparse
import dataclasses
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

from s2s.analysis.run.progress import progress_after
from s2s.cli.common import print_json
from s2s.records import Evaluation, StepRecord
from s2s.store import Store


@contextmanager
def progress_line() -> Iterator[Callable[[str, float | None], None]]:
    """Yield a function that shows an activity and the share of it that is done.

    A share of None leaves the bar as it is.
    """
    bar_format = "{desc} {percentage:3.0f}%|{bar}|"
    with tqdm(total=1.0, bar_format=bar_format, disable=None, leave=False) as bar:

        def show(activity: str, share: float | None) -> None:
            bar.set_description_str(activity)
            if share is not None:
                bar.n = share
                bar.refresh()

        yield show


class TrainingProgress:
    """A bar for a run; also reports its evaluations and the store's write errors as they come."""

    def __init__(self, options: argparse.Namespace, store: Store, run_id: int) -> None:
        self._options, self._store, self._write_error = options, store, ""
        self._config, steps = store.run(run_id).config, store.steps(run_id)
        self._iterations, self._seconds = len(steps), float(steps["seconds"].sum())
        bar_format = "{l_bar}{bar}| {elapsed}<{remaining}{postfix}"
        self.bar = tqdm(
            total=1.0, initial=self._share(), bar_format=bar_format, disable=None, leave=False
        )

    def show(self, event: StepRecord | Evaluation) -> None:
        """Show one event of the run."""
        if self._store.write_error != self._write_error:
            self._write_error = self._store.write_error
            if self._write_error:
                tqdm.write(f"s2s: {self._write_error}", file=sys.stderr)
        if isinstance(event, StepRecord):
            self._iterations += 1
            self._seconds += event.seconds
            self.bar.set_description_str(f"{self._iterations:,} iterations", refresh=False)
            self.bar.update(self._share() - self.bar.n)
        elif self._options.json:
            print_json({"event": "evaluation", **dataclasses.asdict(event)})
        elif event.validation_loss_per_token is not None:
            self.bar.set_postfix_str(f"validation {event.validation_loss_per_token:.3f}")

    def _share(self) -> float:
        return progress_after(self._config, self._iterations, self._seconds, None).share
