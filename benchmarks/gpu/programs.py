"""The sections that prepare the corpus or run another program: plain PyTorch, and the tests."""

import importlib.util
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.gpu.setup import CORPUS, Setup
from s2s.config import CorpusChoices, Normalizer
from s2s.data.catalog import add

ROOT = Path(__file__).resolve().parents[2]
_PLAIN_ITERATIONS = 20
_SHOWN_CHARACTERS = 20_000


def prepare_corpus(setup: Setup) -> Iterator[dict[str, Any]]:
    """Prepare --data as the article does, or the starter corpus, and yield its sizes."""
    started = time.perf_counter()
    if setup.data:
        add(
            Path(setup.folder),
            Path(setup.data),
            CORPUS,
            CorpusChoices(normalizer=Normalizer.ARTICLE),
        )
    corpus = setup.corpus()
    yield {
        "corpus": Path(setup.data).name if setup.data else "starter",
        "training_pairs": len(corpus.training),
        "source_vocabulary": corpus.source.vocabulary_size,
        "target_vocabulary": corpus.target.vocabulary_size,
        "seconds": time.perf_counter() - started,
    }


def time_plain_torch(setup: Setup) -> Iterator[dict[str, Any]]:
    """Yield what the program at --plain prints per batch size, in fp32 and in bf16."""
    if not setup.plain:
        yield {"note": "Plain PyTorch was left out: --plain names no program."}
        return
    if not setup.data:
        yield {"note": "Plain PyTorch was left out: it needs a corpus file (--data)."}
        return
    sizes = ",".join(map(str, setup.batch_sizes))
    # The device is the program's own choice: the first GPU where there is one.
    arguments = ["--data", setup.data, "--batch-sizes", sizes]
    arguments += ["--iterations", str(_PLAIN_ITERATIONS)]
    for precision, more in (("fp32", []), ("bf16", ["--bf16"])):
        for line in _output_lines([setup.plain, *arguments, *more], Path(setup.plain).parent):
            if line.startswith("{"):
                yield {"precision": precision, **json.loads(line)}


def run_gpu_tests(_: Setup) -> Iterator[dict[str, Any]]:
    """Yield the outcome per test marked `gpu`, then pytest's last line and its failures.

    Only files that hold such a test are collected: others import the dashboard.
    """
    if importlib.util.find_spec("pytest") is None:
        yield {"note": "The GPU tests were left out: pytest is not installed."}
        return
    files = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if "mark.gpu" in path.read_text(encoding="utf-8") and "browser" not in path.parts
    ]
    options = ["-o", "addopts=", "-v", "--tb=short", "-p", "no:cacheprovider", "-m", "gpu"]
    lines, failed = [], False
    for line in _output_lines(["-m", "pytest", *options, *files], ROOT, accepted=(0, 1)):
        lines.append(line)
        if match := re.match(r"(\S+::.+?) (PASSED|FAILED|ERROR|SKIPPED)", line):
            failed = failed or match[2] in ("FAILED", "ERROR")
            yield {"test": match[1], "outcome": match[2].lower()}
    output = "".join(lines)[-_SHOWN_CHARACTERS:] if failed else ""
    yield {"summary": lines[-1].strip("= \n"), "output": output}


def _output_lines(
    arguments: Sequence[str], folder: Path, accepted: Sequence[int] = (0,)
) -> Iterator[str]:
    """Yield what a Python program prints, line by line.

    Raises:
        RuntimeError: The program ended with a status that is not `accepted`.
    """
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    lines = []
    with process:
        assert process.stdout
        for line in process.stdout:
            lines.append(line)
            yield line
    if process.returncode not in accepted:
        output = "".join(lines)[-_SHOWN_CHARACTERS:]
        raise RuntimeError(f"The program ended with status {process.returncode}:\n{output}")
