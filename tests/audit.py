"""Known holes in what s2s runs on, its dependencies' own ones too: `make audit`.

    python -m tests.audit

It asks pypi.org. A package that was not looked up counts as a failure, not as sound.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

REQUIREMENTS = Path(__file__).parents[1] / "requirements.txt"
OFFLINE = "The known holes could not be looked up: `make audit` needs the network and pypi.org."


def holes(report: dict[str, Any]) -> list[str]:
    """A line for each hole that pip-audit found."""
    return [
        f"{each['name']} {each['version']}: {hole['id']}, "
        f"mended in {', '.join(hole['fix_versions']) or 'no version yet'}"
        for each in report["dependencies"]
        for hole in each.get("vulns", [])
    ]


def told(output: str) -> tuple[int, str]:
    """The exit status and what to print, of pip-audit's JSON or of what else it wrote."""
    try:
        report = json.loads(output)
    except ValueError:
        return 1, OFFLINE
    packages = report["dependencies"]
    skipped = [each["name"] for each in packages if "skip_reason" in each]
    if not packages or len(skipped) == len(packages):
        return 1, OFFLINE
    lines = holes(report)
    if skipped:
        lines.append(f"Not looked up, so not known to be sound: {', '.join(skipped)}.")
    return (1, "\n".join(lines)) if lines else (0, f"{len(packages)} packages, no known hole.")


def main() -> int:
    command = [sys.executable, "-m", "pip_audit", "-r", str(REQUIREMENTS), "-f", "json"]
    done = subprocess.run(
        [*command, "--progress-spinner=off"], capture_output=True, text=True, check=False
    )
    status, text = told(done.stdout)
    print(text)
    return status


if __name__ == "__main__":
    sys.exit(main())
