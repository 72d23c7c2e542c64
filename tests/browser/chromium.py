"""Find a Chromium for the browser tests, or install one; as a program, print its path.

An installed browser is preferred to Playwright's download, and that to the system's package.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> str | None:
    """Return the path of an installed browser, or `None` if there is none."""
    if path := os.environ.get("S2S_TEST_BROWSER"):
        return path
    for name in NAMES:
        if path := shutil.which(name):
            return path
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install() -> None:
    """Try Playwright's download, then the system's package."""
    print("No Chromium found; trying Playwright's download.", file=sys.stderr)
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


if __name__ == "__main__":
    if not find():
        install()
    path = find()
    if not path:
        sys.exit("No Chromium found. Install one, or set S2S_TEST_BROWSER to its path.")
    print(path)
