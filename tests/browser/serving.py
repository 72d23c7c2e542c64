"""A real dashboard on a port of its own, and a real Chromium."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser import chromium

PROJECT = Path(__file__).parents[2]
WAIT_MS = 60_000
"""Limit for any single wait: the machine can be slow."""
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@contextmanager
def serve_dashboard(home: Path, log: Path, *options: str, threads: int | None = 1) -> Iterator[str]:
    """Run a dashboard and yield its address.

    Args:
        home: Folder of its runs.
        log: File for its output.
        options: Further options of Streamlit.
        threads: Threads to train with; torch's default if `None`. On a busy machine, several
            threads wait for each other much of the time.
    """
    process, address = start_dashboard(home, log, *options, threads=threads)
    try:
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def start_dashboard(
    home: Path, log: Path, *options: str, threads: int | None = 1
) -> tuple[subprocess.Popen[bytes], str]:
    """Start a dashboard in a process group of its own; return its process and its address."""
    environment = {**os.environ, "S2S_HOME": str(home), "PYTHONPATH": str(PROJECT)}
    if threads is not None:
        environment["OMP_NUM_THREADS"] = str(threads)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "dashboard.py", f"--server.port={port}"]
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "--server.headless=true", *options],
            cwd=PROJECT, env=environment, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=5):
                return process, f"http://localhost:{port}"
        except OSError:
            time.sleep(0.1)
    process.kill()
    raise RuntimeError(f"The dashboard did not start: {log.read_text()}")


@contextmanager
def open_browser() -> Iterator[Browser]:
    path = chromium.find()
    if path is None:
        raise RuntimeError("No Chromium found. `make test` installs one.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()
