"""Measure whether watching a run in the dashboard slows down its training.

    python -m benchmarks.watching --corpus fra-eng [--pairs 5] [--seconds 10]

Trains the same run in four ways, in turn: with `python -m s2s train` (`command_line`), with torch's
own OpenMP settings (`torch_defaults`), in a dashboard with one browser tab on the live page
(`tab`), and in a dashboard with a viewer that only holds the websocket and requests the ticks
(`viewer`). The speed is measured in a window of `--seconds`, which begins when the run trains and
is watched. After the tab's window some clicks are timed while the run trains; the last is Stop.

Prints a JSON line per round of four, with samples per second, ratios and the time of each click,
then one with the medians. Five rounds take about eight minutes. The corpus must be prepared; the
runs go to a temporary folder.
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
from s2s.analysis.run.steps import measure_rate
from s2s.config import MAX_ITERATIONS
from s2s.paths import corpora_folder
from s2s.store import Store
from s2s.threads import Spinning, set_spinning
from tests.browser.serving import WAIT_MS, open_browser, serve_dashboard

PROJECT = Path(__file__).parents[1]

SETTLE_SECONDS = 3.0
"""Training before the window: the first steps, the first evaluation, opening the page."""
START_SECONDS = 60.0
RATIOS = {
    "tab": ("command_line", 0.90),
    "viewer": ("command_line", 0.95),
    "command_line": ("torch_defaults", 0.95),
}
"""Numerator: denominator and minimum of the ratio."""
CLICK_SECONDS = 1.0
"""Limit for the response to a click."""
_WITHOUT_SETTINGS = "import sys; from s2s.cli.main import main; sys.exit(main())"
"""`python -m s2s` without its OpenMP settings."""


class Session:
    """The store and the options of all measurements."""

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
                speed = self._speed(viewer.watch)
                viewer.wait_for_ticks(int(self._options.seconds / 2))  # it did watch
        return speed

    def _speed(self, watch: Callable[[float], object]) -> float:
        """Return the samples per second over a window, which `watch` passes."""
        run_id = self.store.runs()[0].id
        deadline = time.monotonic() + START_SECONDS
        while not self.store.run(run_id).iterations_done:
            if time.monotonic() > deadline:
                raise RuntimeError("The training did not start.")
            watch(0.1)
        watch(SETTLE_SECONDS)
        before = self.store.run(run_id).iterations_done
        watch(self._options.seconds)
        done = self.store.run(run_id).iterations_done
        speed = measure_rate(self.store.steps(run_id, after=before)[: done - before], "samples")
        if speed is None:
            raise RuntimeError("No step ended in the window. Use more --seconds.")
        return speed

    @contextmanager
    def _training(self, *program: str) -> Iterator[None]:
        """Train a run with the command line while the block lasts."""
        newest = max((run.id for run in self.store.runs()), default=0)
        arguments = ["--corpus", self._options.corpus, "--batch-size", "32"]
        arguments += ["--iterations", str(MAX_ITERATIONS), "--threads", str(self._options.threads)]
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
        """Start a run with the settings of the last one, as a user would."""
        newest = self.store.runs()[0].id
        page.goto(address)
        page.locator(".st-key-copy_to_form button:enabled").click()
        page.locator(".st-key-start_runs button:enabled").click()
        deadline = time.monotonic() + START_SECONDS
        while self.store.runs()[0].id == newest:
            if time.monotonic() > deadline:
                raise RuntimeError("The click on Start made no run.")
            page.wait_for_timeout(50)

    def _click(self, page: Page) -> dict[str, float]:
        """Return the seconds from each click until the page shows its result."""
        clicks = {}
        for name in ("Compare", "Translate", "Corpora", "System", "Train"):
            clicks[name] = _time_click(
                page,
                page.get_by_role("link", name=name, exact=True).first.click,
                page.get_by_role("heading", name=name, exact=True).wait_for,
            )
        clicks["New run"] = _time_click(
            page,
            page.locator("summary", has_text="New run").click,
            page.get_by_label("Batch sizes").first.wait_for,
        )
        stop = page.locator(f".st-key-stop_{self.store.runs()[0].id} button:enabled")
        clicks["Stop"] = _time_click(
            page,
            stop.first.click,
            lambda: stop.first.wait_for(state="detached"),  # it is disabled while the run stops
        )
        return clicks


def _time_click(page: Page, click: Callable[[], None], answer: Callable[[], None]) -> float:
    start = time.perf_counter()
    click()
    answer()
    seconds = time.perf_counter() - start
    page.wait_for_timeout(800)  # as a person would look at the page first
    return round(seconds, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--corpus", default="starter", help="prepared corpus (default: %(default)s)"
    )
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each window")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: torch's default")
    parser.add_argument("--ways", default="command_line,torch_defaults,tab,viewer")
    options = parser.parse_args()
    set_spinning(os.environ, Spinning.DEFAULT)  # the program sets its own
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "corpora").symlink_to(corpora_folder().resolve())
        measure(Session(options, home), options)


def measure(session: Session, options: argparse.Namespace) -> None:
    ways = options.ways.split(",")
    session.command_line()  # its settings are copied to the form; it also warms the disk cache
    pairs = []
    for index in range(options.pairs):
        load = psutil.getloadavg()[0]
        # Rotate the order, so that each way has each position.
        turn = [ways[(place + index) % len(ways)] for place in range(len(ways))]
        speeds = {way: getattr(session, way)() for way in turn}
        pair = {
            "pair": index + 1,
            "load_before": round(load, 2),
            "samples_per_second": {way: round(speeds[way], 1) for way in ways},
            "ratios": {
                f"{way}/{base}": round(speeds[way] / speeds[base], 4)
                for way, (base, _) in RATIOS.items()
                if way in speeds and base in speeds
            },
            "click_seconds": session.clicks,
        }
        print(json.dumps(pair), flush=True)
        pairs.append(pair)
    print(json.dumps(summary(pairs, ways)), flush=True)


def summary(pairs: list[dict], ways: list[str]) -> dict[str, object]:
    """Return the medians, and whether the targets are met."""
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
