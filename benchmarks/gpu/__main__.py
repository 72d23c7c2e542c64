"""The command line of the GPU benchmark; see the package's docstring."""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu import table
from benchmarks.gpu.sections import (
    BUDGET_SECONDS,
    ROOT,
    TOTAL_SECONDS,
    command_of,
    run_section,
)
from benchmarks.gpu.setup import Setup

_SHARED = ROOT.parent / "shared"
_PLAIN = _SHARED / "bench" / "plain_torch.py"
_DATA = _SHARED / "data" / "fra-eng.zip"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sections, write the report after each, and print the table.

    Returns:
        0; 1 if there is no GPU, or if a section failed or ran out of time.
    """
    args = _parser().parse_args(arguments)
    if args.device != "cpu" and not torch.cuda.is_available():
        print("This benchmark needs a CUDA device, and torch finds none here.")
        return 1
    report = _machine(args.device)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        setup = _setup_json(args, folder)
        for name in args.sections:
            left = TOTAL_SECONDS - (time.monotonic() - started)
            print(f"{name}...", file=sys.stderr, flush=True)
            section = run_section(command_of(name, setup), min(BUDGET_SECONDS[name], left))
            report["sections"][name] = section
            report["seconds"] = time.monotonic() - started
            args.out.write_text(json.dumps(report, indent=1), encoding="utf-8")
    print(table.table(report))
    print(f"\nWritten to {args.out}.")
    return int(any(each["status"] != "finished" for each in report["sections"].values()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description="Run all measurements that need a GPU."
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(os.environ.get("OUT", "."), "gpu.json"),
        help="the JSON report (default: gpu.json in the folder $OUT, or here)",
    )
    parser.add_argument(
        "--plain",
        type=Path,
        default=_PLAIN if _PLAIN.is_file() else None,
        help="a program that times plain PyTorch and takes --data, --batch-sizes, --iterations "
        "and --bf16 (default: ../shared/bench/plain_torch.py where it exists)",
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=_DATA if _DATA.is_file() else None,
        help="the corpus file for s2s and plain PyTorch (default: ../shared/data/fra-eng.zip where "
        "it exists, else the starter corpus)",
    )
    parser.add_argument("--device", default="cuda:0", help="cuda:N, or cpu to try the program out")
    parser.add_argument("--batch-sizes", type=_sizes, help="numbers with commas between them")
    parser.add_argument("--seconds", type=float, help="per combination and round")
    parser.add_argument(
        "--sections",
        nargs="+",
        choices=BUDGET_SECONDS,
        default=list(BUDGET_SECONDS),
        help="only these; `corpus` must be among them where --data is used",
    )
    return parser


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(sorted(map(int, text.split(","))))


def _setup_json(args: argparse.Namespace, folder: str) -> str:
    values: dict[str, Any] = {"folder": folder, "device": args.device}
    for name in ("data", "plain"):
        if path := getattr(args, name):
            values[name] = str(path.resolve())
    for name in ("batch_sizes", "seconds"):
        if value := getattr(args, name):
            values[name] = value
    return Setup(**values).to_json()


def _machine(device: str) -> dict[str, Any]:
    """Return the report without a section yet."""
    cuda = device != "cpu"
    properties = torch.cuda.get_device_properties(device) if cuda else None
    return {
        "at": time.time(),
        "command": ["python", "-m", "benchmarks.gpu", *sys.argv[1:]],
        "device": device,
        "device_name": properties.name if properties else platform.processor() or "CPU",
        "compute_capability": [properties.major, properties.minor] if properties else None,
        "memory_bytes": properties.total_memory if properties else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cores": os.cpu_count(),
        "seconds": 0.0,
        "sections": {},
    }


if __name__ == "__main__":
    sys.exit(main())
