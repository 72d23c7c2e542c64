"""Time preparing a corpus in s2s and in the article's code, in turn.

    python -m benchmarks.prepare BASELINE.py fra-eng.zip [--pairs 5]

BASELINE.py runs the article's code and prints {"prepare_seconds": ...} first. s2s reads, splits,
counts, encodes and writes the result to disk; the article's code encodes later, while it trains.
Prints one JSON object: medians in seconds, and the median of the ratios per pair.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("baseline", type=Path, help="program that runs the article's code")
    parser.add_argument("corpus", type=Path, help="corpus file")
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {}
    for _ in range(options.pairs):
        seconds.setdefault("article_code", []).append(time_article(options))
        for normalizer in ("article", "unicode"):
            fresh, cached = time_s2s(options, normalizer)
            seconds.setdefault(f"s2s_{normalizer}", []).append(fresh)
            seconds.setdefault(f"s2s_{normalizer}_cached", []).append(cached)
    baseline = seconds["article_code"]
    print(
        json.dumps(
            {
                "pairs": options.pairs,
                "median_seconds": {k: round(statistics.median(v), 4) for k, v in seconds.items()},
                "ratio_to_article": {
                    name: round(
                        statistics.median(a / b for a, b in zip(values, baseline, strict=True)), 4
                    )
                    for name, values in seconds.items()
                },
            }
        )
    )


def time_article(options: argparse.Namespace) -> float:
    """Return the seconds that the article's code takes; it also trains one step."""
    command = [sys.executable, str(options.baseline), "--data", str(options.corpus)]
    with subprocess.Popen(
        [*command, "--batch-sizes", "2", "--iterations", "1"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        lines = process.stdout.read().splitlines()
    return float(json.loads(lines[0])["prepare_seconds"])


def time_s2s(options: argparse.Namespace, normalizer: str) -> tuple[float, float]:
    """Return the seconds of adding the corpus, and of adding it again."""
    with tempfile.TemporaryDirectory() as home:
        program = (
            "import sys, time; from pathlib import Path\n"
            "from s2s.config import CorpusChoices\n"
            "from s2s.data import catalog\n"
            "folder, path, choices = Path(sys.argv[1]), sys.argv[2], "
            "CorpusChoices(normalizer=sys.argv[3])\n"
            "for _ in range(2):\n"
            "    started = time.perf_counter()\n"
            "    catalog.add(folder, path, choices=choices)\n"
            "    catalog.open_corpus(folder, Path(path).stem).source.replace_unknown_words()\n"
            "    print(time.perf_counter() - started)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, home, str(options.corpus.resolve()), normalizer],
            cwd=PROJECT, check=True, capture_output=True, text=True,
        )  # fmt: skip
        fresh, cached = map(float, done.stdout.split())
        return fresh, cached


if __name__ == "__main__":
    main()
