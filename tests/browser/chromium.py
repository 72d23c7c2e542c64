"""Finds a Chromium for the browser tests, or gets one; run as a program it prints its path.

The order: one that is already there, Playwright's own, the system's package.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> str | None:
    """The path of a browser that is there, or None."""
    if chosen := os.environ.get("S2S_TEST_BROWSER"):
        return chosen
    for name in NAMES:
        if path := shutil.which(name):
            return path
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install() -> None:
    """Tries Playwright's download, then the system's package; says what it does."""
    print("No Chromium here; trying Playwright's own.", file=sys.stderr)
    attempts = [[sys.executable, "-m", "playwright", "install", "--with-deps", "chromium"]]
    if shutil.which("apt-get"):
        as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        attempts += [
            [*as_root, "apt-get", "update", "-qq"],
            [*as_root, "apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"],
        ]
    for command in attempts:
        try:
            done = subprocess.run(command, stdout=sys.stderr, timeout=600, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            print(f"{command[0]}: {error}", file=sys.stderr)
            continue
        if done.returncode == 0 and find():
            return


def main() -> int:
    if not find():
        install()
    path = find()
    if not path:
        print(
            "No browser for the browser tests: install Chromium or Chrome, "
            "or name one in S2S_TEST_BROWSER.",
            file=sys.stderr,
        )
        return 1
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
