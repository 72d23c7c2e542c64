"""Measures whether the dashboard disturbs what it measures: its training speed while watched.

    python -m benchmarks.watching --corpus fra-eng [--pairs 5] [--seconds 10]

In turn, in one sitting, the same training four times a pair: by `python -m s2s train`
(`command_line`), by the same with torch's own OpenMP settings (`torch_defaults`), in a dashboard
with one browser tab on the live page (`tab`), and in a dashboard with a viewer that only holds the
websocket and asks for the ticks (`viewer`). The speed is that of the steps in a window of
`--seconds`, which begins when the training is under way and is being watched. After the tab's
window some clicks are timed while the run trains; the last is the run's Stop.

Prints a JSON line a pair, with samples per second, the ratios and the slowest click in seconds,
then one with the medians. Five pairs take about eight minutes. The corpus has to be prepared; the
runs go to a folder that is removed.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from playwright.sync_api import Page

from benchmarks.viewer import Viewer
from s2s.analysis.run.steps import samples_per_second
from s2s.config import UNLIMITED
from s2s.paths import corpora_folder
from s2s.store import Store
from s2s.threads import Spinning, set_spinning

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT / "tests" / "browser"))

from tests.browser.serving import WAIT_MS, open_browser, serve_dashboard  # noqa: E402 (found through the line above)

SETTLE_SECONDS = 3.0
"""Of training before the window: the first steps, the first evaluation, a page that opens."""
START_SECONDS = 60.0
RATIOS = {
    "tab": ("command_line", 0.90),
    "viewer": ("command_line", 0.95),
    "command_line": ("torch_defaults", 0.95),
}
"""What is divided by what, and the least that it should be."""
CLICK_SECONDS = 1.0
"""What a click's answer should take at most."""
_WITHOUT_SETTINGS = "import sys; from s2s.cli.main import main; sys.exit(main())"
"""`python -m s2s` less its OpenMP settings."""


class Sitting:
    """The store and the options that all trainings of a sitting share."""

    def __init__(self, options: argparse.Namespace, home: Path) -> None:
        self._options, self._home, self._log = options, home, home / "server.log"
        self.store = Store(home)
        self.clicks: dict[str, float] = {}

    def command_line(self) -> float:
        with self._training("-m", "s2s"):
            return self._speed(time.sleep)

    def torch_defaults(self) -> float:
        with self._training("-c", _WITHOUT_SETTINGS):
            return self._speed(time.sleep)

    def tab(self) -> float:
        with (
            serve_dashboard(self._home, self._log, threads=None) as address,
            open_browser() as browser,
        ):
            page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
            page.set_default_timeout(WAIT_MS)
            self._start(page, address)
            page.locator(".s2s-chart .plot-container").first.wait_for()
            speed = self._speed(lambda seconds: page.wait_for_timeout(1000 * seconds))
            self.clicks = self._click(page)
        return speed

    def viewer(self) -> float:
        with serve_dashboard(self._home, self._log, threads=None) as address:
            with open_browser() as browser:
                self._start(browser.new_page(), address)
            with Viewer(address) as viewer:
                viewer.wait_for_ticks(1)
                speed = self._speed(viewer.look_on)
                viewer.wait_for_ticks(int(self._options.seconds / 2))  # it really did look on
        return speed

    def _speed(self, look_on: Callable[[float], object]) -> float:
        """Samples per second over a window, while `look_on` passes its time."""
        run_id = self.store.runs()[0].id
        until = time.monotonic() + START_SECONDS
        while not self.store.run(run_id).iterations_done:
            if time.monotonic() > until:
                raise RuntimeError("The training did not start.")
            look_on(0.1)
        look_on(SETTLE_SECONDS)
        before = self.store.run(run_id).iterations_done
        look_on(self._options.seconds)
        done = self.store.run(run_id).iterations_done
        speed = samples_per_second(self.store.steps(run_id, after=before)[: done - before])
        if speed is None:
            raise RuntimeError("No step ended within the window; give more --seconds.")
        return speed

    @contextmanager
    def _training(self, *program: str) -> Iterator[None]:
        """A run of the command line, for as long as the block lasts."""
        newest = max((run.id for run in self.store.runs()), default=0)
        arguments = ["--corpus", self._options.corpus, "--batch-size", "32"]
        arguments += ["--iterations", str(UNLIMITED), "--threads", str(self._options.threads)]
        process = subprocess.Popen(
            [sys.executable, *program, "train", *arguments],
            cwd=PROJECT,
            env={**os.environ, "S2S_HOME": str(self._home)},
            stdout=subprocess.DEVNULL,
        )
        try:
            while not self.store.runs() or self.store.runs()[0].id == newest:
                if process.poll() is not None:
                    raise RuntimeError("The command line ended before its run began.")
                time.sleep(0.1)
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)

    def _start(self, page: Page, address: str) -> None:
        """Starts a run with the choices of the last one, as a user would."""
        newest = self.store.runs()[0].id
        page.goto(address)
        page.locator(".st-key-copy_to_form button:enabled").click()
        page.locator(".st-key-start_runs button:enabled").click()
        until = time.monotonic() + START_SECONDS
        while self.store.runs()[0].id == newest:
            if time.monotonic() > until:
                raise RuntimeError("The click on Start made no run.")
            page.wait_for_timeout(50)

    def _click(self, page: Page) -> dict[str, float]:
        """Seconds from each click until the page shows its answer."""
        clicks = {}
        for name in ("Compare", "Translate", "Corpora", "System", "Train"):
            clicks[name] = _answered(
                page,
                page.get_by_role("link", name=name, exact=True).first.click,
                page.get_by_role("heading", name=name, exact=True).wait_for,
            )
        clicks["New run"] = _answered(
            page,
            page.locator("summary", has_text="New run").click,
            page.get_by_label("Batch sizes").first.wait_for,
        )
        stop = page.locator(f".st-key-stop_{self.store.runs()[0].id} button:enabled")
        clicks["Stop"] = _answered(
            page,
            stop.first.click,
            lambda: stop.first.wait_for(state="detached"),  # it is disabled as long as it stops
        )
        return clicks


def _answered(page: Page, click: Callable[[], None], answer: Callable[[], None]) -> float:
    started = time.perf_counter()
    click()
    answer()
    seconds = time.perf_counter() - started
    page.wait_for_timeout(800)  # as a person would look at it first
    return round(seconds, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", default="starter", help="a prepared one")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each window")
    parser.add_argument("--threads", type=int, default=0, help="0: torch's own choice")
    parser.add_argument("--ways", default="command_line,torch_defaults,tab,viewer")
    options = parser.parse_args()
    set_spinning(os.environ, Spinning.DEFAULT)  # none of the caller's, so that the program chooses
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "corpora").symlink_to(corpora_folder().resolve())
        measure(Sitting(options, home), options)


def measure(sitting: Sitting, options: argparse.Namespace) -> None:
    ways = options.ways.split(",")
    sitting.command_line()  # its run gives the form its choices; and the disk's cache is warm
    pairs = []
    for index in range(options.pairs):
        load = psutil.getloadavg()[0]
        # Each way has each place in the order in turn.
        turn = [ways[(place + index) % len(ways)] for place in range(len(ways))]
        speeds = {way: getattr(sitting, way)() for way in turn}
        pair = {
            "pair": index + 1,
            "load_before": round(load, 2),
            "samples_per_second": {way: round(speeds[way], 1) for way in ways},
            "ratios": {
                f"{way}/{base}": round(speeds[way] / speeds[base], 4)
                for way, (base, _) in RATIOS.items()
                if way in speeds and base in speeds
            },
            "click_seconds": sitting.clicks,
        }
        print(json.dumps(pair), flush=True)
        pairs.append(pair)
    print(json.dumps(summary(pairs, ways)), flush=True)


def summary(pairs: list[dict], ways: list[str]) -> dict[str, object]:
    """Medians, and whether the targets are met."""
    least = {f"{way}/{base}": target for way, (base, target) in RATIOS.items()}
    ratios = {name: [pair["ratios"][name] for pair in pairs] for name in pairs[0]["ratios"]}
    slowest = max((s for pair in pairs for s in pair["click_seconds"].values()), default=None)
    return {
        "pairs": len(pairs),
        "median_samples_per_second": {
            way: statistics.median(pair["samples_per_second"][way] for pair in pairs)
            for way in ways
        },
        "ratios": {
            name: {
                "median": statistics.median(values),
                "lowest": min(values),
                "highest": max(values),
                "target": least[name],
                "met": statistics.median(values) >= least[name],
            }
            for name, values in ratios.items()
        },
        "slowest_click_seconds": slowest,
        "clicks_met": slowest is None or slowest <= CLICK_SECONDS,
    }


if __name__ == "__main__":
    main()
