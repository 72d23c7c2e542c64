"""A dashboard that is shut down while it trains: quick, nothing left over, and it can go on."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from s2s.paths import home
from s2s.records import RunState
from s2s.runs.resume import find_resumable
from s2s.store import Store
from tests.browser import serving
from tests.tiny import tiny_config, tiny_corpus, wait_until

pytestmark = pytest.mark.browser

SHUTDOWN_SECONDS = 3.0
"""Promised to the user."""


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[[], tuple[subprocess.Popen[bytes], str]]]:
    """Starts the dashboard as `make run` does, as the leader of a process group like a terminal's;
    gives the process and the address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "STREAMLIT_SERVER_PORT": str(port), "STREAMLIT_SERVER_HEADLESS": "true",
        "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    processes = []

    def start() -> tuple[subprocess.Popen[bytes], str]:
        with (tmp_path / "log").open("a") as log:
            process = subprocess.Popen(
                command(), cwd=serving.PROJECT, env=environment, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        processes.append(process)
        address = f"http://localhost:{port}"
        serving._wait_until_healthy(address, process, tmp_path / "log")
        return process, address

    yield start
    for process in processes:
        for each in members(process.pid):
            each.kill()
        process.wait()


def command() -> list[str]:
    """With the environment that is there; by make where that made it."""
    if (Path(sys.prefix) / "ready").exists():
        return ["make", "-o", "requirements.txt", "run", f"VENV={sys.prefix}"]
    return [sys.executable, "-m", "streamlit", "run", "dashboard.py"]


def members(group: int) -> list[psutil.Process]:
    """Of the process group, zombies left out."""
    found = []
    for process in psutil.process_iter(["status"]):
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def interrupt_all(process: subprocess.Popen[bytes]) -> None:
    """What a terminal does at Ctrl-C."""
    os.killpg(process.pid, signal.SIGINT)


def terminate_streamlit(process: subprocess.Popen[bytes]) -> None:
    """What a service manager does, to the program alone."""
    servers = [each for each in members(process.pid) if "streamlit" in " ".join(each.cmdline())]
    servers[-1].terminate()


@pytest.mark.parametrize("shut_down", [interrupt_all, terminate_streamlit])
def test_a_training_is_interrupted_and_goes_on_after_a_restart(
    started: Callable[[], tuple[subprocess.Popen[bytes], str]],
    browser: Browser,
    tmp_path: Path,
    shut_down: Callable[[subprocess.Popen[bytes]], None],
) -> None:
    tiny_corpus(tmp_path)
    with closing(Store(home())) as store:
        run_id = store.create_run(tiny_config(iterations=1_000_000))
        waiting = store.create_run(tiny_config(iterations=5))
        for each in (run_id, waiting):
            store.interrupt_run(each, ())
        process, address = started()
        page = browser.new_page()
        page.set_default_timeout(serving.WAIT_MS)
        page.goto(address)
        offer(page, run_id, "before its first step").get_by_role("button", name="Resume").click()
        wait_until(lambda: store.run(run_id).iterations_done > 0, 60)
        offer(page, waiting, "before its first step").get_by_role("button", name="Resume").click()
        wait_until(lambda: store.run(waiting).state is RunState.QUEUED)
        asked = time.monotonic()
        shut_down(process)
        wait_until(lambda: not members(process.pid))
        assert time.monotonic() - asked < SHUTDOWN_SECONDS
        page.close()
        run = store.run(run_id)
        assert run.state is RunState.INTERRUPTED
        assert run.message.startswith("The program was shut down;")
        assert [(each.id, at) for each, at in find_resumable(store)] == [
            (waiting, 0), (run_id, run.iterations_done),
        ]  # fmt: skip
        _, address = started()
        page = browser.new_page()
        page.set_default_timeout(serving.WAIT_MS)
        page.goto(address)
        said = offer(page, run_id, f"at iteration {run.iterations_done:,} of 1,000,000.")
        said.get_by_role("button", name="Resume").click()
        wait_until(lambda: store.run(run_id).iterations_done > run.iterations_done, 60)
        offer(page, waiting, "before").get_by_role("button", name="Leave it").click()
        expect(page.locator(f".st-key-offer_{waiting}")).to_have_count(0, timeout=serving.WAIT_MS)
        page.close()
        assert store.run(waiting).dismissed


def offer(page: Page, run_id: int, words: str) -> Locator:
    found = page.locator(f".st-key-offer_{run_id}")
    expect(found).to_contain_text(f"Run {run_id} was interrupted {words}", timeout=serving.WAIT_MS)
    return found
