"""Progress bars on standard error, shown only on a terminal."""

import argparse
import dataclasses
import sys
from typing import TYPE_CHECKING

from tqdm import tqdm

from s2s.cli.common import print_json

if TYPE_CHECKING:
    from s2s.records import Evaluation, StepRecord
    from s2s.store import Store


class ProgressLine:
    """A line that says what is being done and how much of it is done."""

    def __enter__(self) -> "ProgressLine":
        self._bar = tqdm(
            total=1.0, bar_format="{desc} {percentage:3.0f}%|{bar}|", disable=None, leave=False
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, activity: str, share: float | None) -> None:
        """Replace the line.

        Args:
            share: From 0 to 1; None leaves the bar as it is.
        """
        self._bar.set_description_str(activity)
        if share is not None:
            self._bar.n = share
            self._bar.refresh()


class TrainingProgress:
    """A bar for a run; also reports its evaluations and the store's write errors as they come."""

    def __init__(self, options: argparse.Namespace, store: "Store", run_id: int) -> None:
        self._options, self._store, self._write_error = options, store, ""
        self._config, steps = store.run(run_id).config, store.steps(run_id)
        self._iterations, self._seconds = len(steps), float(steps["seconds"].sum())

    def __enter__(self) -> "TrainingProgress":
        self._bar = tqdm(
            total=1.0,
            initial=self._share(),
            bar_format="{l_bar}{bar}| {elapsed}<{remaining}{postfix}",
            disable=None,
            leave=False,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, event: "StepRecord | Evaluation") -> None:
        """Show one event of the run."""
        from s2s.records import StepRecord

        if self._store.write_error != self._write_error:
            self._write_error = self._store.write_error
            if self._write_error:
                tqdm.write(f"s2s: {self._write_error}", file=sys.stderr)
        if isinstance(event, StepRecord):
            self._iterations += 1
            self._seconds += event.seconds
            self._bar.set_description_str(f"{self._iterations:,} iterations", refresh=False)
            self._bar.update(self._share() - self._bar.n)
        elif self._options.json:
            print_json({"event": "evaluation", **dataclasses.asdict(event)})
        elif event.validation_loss_per_token is not None:
            self._bar.set_postfix_str(f"validation {event.validation_loss_per_token:.3f}")

    def _share(self) -> float:
        from s2s.analysis.run.progress import progress_after

        return progress_after(self._config, self._iterations, self._seconds, None).share
