"""A dashboard that is shut down while it trains leaves no process, and its run can be resumed."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser

from s2s.paths import home
from s2s.records import RemarkKind, RunState
from s2s.store import Store
from tests.browser.actions import click
from tests.browser.serving import WAIT_MS, start_dashboard
from tests.tiny import tiny_config, wait_until

pytestmark = pytest.mark.browser


def list_group_members(group: int) -> list[psutil.Process]:
    """Return the living processes of a process group."""
    members = []
    for process in psutil.process_iter(["status"]):
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return members


def press_ctrl_c(process_id: int) -> None:
    """Send SIGINT to the whole process group, as a terminal does."""
    os.killpg(process_id, signal.SIGINT)


def terminate(process_id: int) -> None:
    """Send SIGTERM to the server alone, as a service manager does."""
    os.kill(process_id, signal.SIGTERM)


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    "shut_down", [press_ctrl_c, pytest.param(terminate, marks=pytest.mark.long)]
)
def test_a_dashboard_that_is_shut_down_leaves_no_process_and_its_runs_can_be_resumed(
    store: Store, browser: Browser, tmp_path: Path, shut_down: Callable[[int], None]
) -> None:
    """One run trains and one is queued."""
    for iterations in (1_000_000, 5):
        store.interrupt_run(store.create_run(tiny_config(iterations=iterations)), [])
    process, address = start_dashboard(home(), tmp_path / "log")
    page = browser.new_page()
    try:
        page.goto(address, timeout=WAIT_MS)
        click(page, "offer_resume_1")
        wait_until(lambda: store.run(1).iterations_done > 0)
        click(page, "offer_resume_2")
        wait_until(lambda: store.run(2).state is RunState.QUEUED)
        shut_down(process.pid)
        wait_until(lambda: not list_group_members(process.pid))
    finally:
        for each in list_group_members(process.pid):
            each.kill()
        process.wait()
        page.close()
    assert [run.state for run in store.runs()] == [RunState.INTERRUPTED] * 2
    assert store.run(1).remarks[-1].kind is RemarkKind.SHUT_DOWN
