"""A dashboard that is shut down while it trains leaves no process, and its run can be resumed."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, expect

from s2s.paths import home
from s2s.records import RemarkKind, RunState
from s2s.store import Store
from tests.browser.actions import click, widget
from tests.browser.serving import PROJECT, WAIT_MS, find_port, wait_until_healthy
from tests.tiny import tiny_config, tiny_corpus, wait_until

pytestmark = pytest.mark.browser

Server = tuple[subprocess.Popen[bytes], str]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Server]]:
    """Start the dashboard like `make run` in a terminal; return its process and address."""
    port = find_port()
    environment = os.environ | {
        "STREAMLIT_SERVER_PORT": str(port), "STREAMLIT_SERVER_HEADLESS": "true",
        "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    processes = []

    def start_() -> Server:
        with (tmp_path / "log").open("a") as log:
            process = subprocess.Popen(
                command(), cwd=PROJECT, env=environment, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        processes.append(process)
        address = f"http://localhost:{port}"
        wait_until_healthy(address, process, tmp_path / "log")
        return process, address

    yield start_
    for process in processes:
        for each in group_members(process.pid):
            each.kill()
        process.wait()


def command() -> list[str]:
    """Return the command in the existing environment; through make if make created it."""
    if (Path(sys.prefix) / "ready").exists():
        return ["make", "-o", "requirements.txt", "run", f"VENV={sys.prefix}"]
    return [sys.executable, "-m", "streamlit", "run", "dashboard.py"]


def group_members(group: int) -> list[psutil.Process]:
    """Return the living processes of a process group."""
    members = []
    for process in psutil.process_iter(["status"]):
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return members


def press_ctrl_c(process: subprocess.Popen[bytes]) -> None:
    """Signal the whole group, as a terminal does."""
    os.killpg(process.pid, signal.SIGINT)


def terminate(process: subprocess.Popen[bytes]) -> None:
    """Signal the server alone, as a service manager does."""
    members = group_members(process.pid)
    servers = [each for each in members if "streamlit" in " ".join(each.cmdline())]
    servers[-1].terminate()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """With two interrupted runs: a long one and a short one."""
    tiny_corpus(tmp_path)
    with closing(Store(home())) as store:
        for iterations in (1_000_000, 5):
            store.interrupt_run(store.create_run(tiny_config(iterations=iterations)), [])
        yield store


def train_and_shut_down(
    store: Store,
    start: Callable[[], Server],
    browser: Browser,
    shut_down: Callable[[subprocess.Popen[bytes]], None],
) -> None:
    """Resume both runs, and shut the dashboard down while the first trains and one waits."""
    done = store.run(1).iterations_done
    process, address = start()
    page = browser.new_page()
    page.goto(address, timeout=WAIT_MS)
    expect(widget(page, "offer_1")).to_contain_text(f"{done:,}" if done else "", timeout=WAIT_MS)
    click(page, "offer_resume_1")
    wait_until(lambda: store.run(1).iterations_done > done)
    click(page, "offer_resume_2")
    wait_until(lambda: store.run(2).state is RunState.QUEUED)
    shut_down(process)
    wait_until(lambda: not group_members(process.pid))
    page.close()
    assert [run.state for run in store.runs()] == [RunState.INTERRUPTED] * 2
    assert store.run(1).remarks[-1].kind is RemarkKind.SHUT_DOWN


def test_a_dashboard_that_ends_leaves_no_process_and_its_runs_can_be_resumed(
    store: Store, start: Callable[[], Server], browser: Browser
) -> None:
    train_and_shut_down(store, start, browser, press_ctrl_c)
    train_and_shut_down(store, start, browser, terminate)
