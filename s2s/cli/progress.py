"""Progress on standard error, where a person looks on."""

import argparse
import dataclasses
import sys

from tqdm import tqdm

from s2s.cli.common import print_json
from s2s.records import Evaluation, StepRecord
from s2s.store.runs import Store


class Doing:
    """A line on standard error that tells what is being done, where a person looks on."""

    def __enter__(self) -> "Doing":
        self._bar = tqdm(
            total=1.0, bar_format="{desc} {percentage:3.0f}%|{bar}|", disable=None, leave=False
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def __call__(self, doing: str, share: float | None) -> None:
        self._bar.set_description_str(doing)
        if share is not None:
            self._bar.n = share
            self._bar.refresh()


class TrainingProgress:
    """A progress bar where a person looks on; evaluations and the store's trouble as they come."""

    def __init__(self, options: argparse.Namespace, store: Store, run_id: int) -> None:
        self._options, self._store, self._trouble = options, store, ""
        self._config, self._before = store.run(run_id).config, store.steps(run_id)

    def __enter__(self) -> "TrainingProgress":
        timed = bool(self._config.max_seconds)
        spent = float(self._before["seconds"].sum())
        self._bar = tqdm(
            total=self._config.max_seconds if timed else self._config.iterations,
            initial=min(spent, self._config.max_seconds) if timed else len(self._before),
            unit="s" if timed else "it",
            bar_format="{l_bar}{bar}| {elapsed}<{remaining}{postfix}" if timed else None,
            disable=None,
            leave=False,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, event: StepRecord | Evaluation) -> None:
        if self._store.trouble != self._trouble:
            self._trouble = self._store.trouble
            if self._trouble:
                tqdm.write(f"s2s: {self._trouble}", file=sys.stderr)
        if isinstance(event, StepRecord):
            # The last step ends a little after the time limit, and tqdm warns beyond its total.
            left = self._config.max_seconds - self._bar.n
            self._bar.update(min(event.seconds, left) if self._config.max_seconds else 1)
        elif self._options.json:
            print_json({"event": "evaluation", **dataclasses.asdict(event)})
        elif event.validation_loss_per_token is not None:
            self._bar.set_postfix_str(f"validation {event.validation_loss_per_token:.3f}")
