"""Does bf16 learn as well as fp32? Compare loss curves over several seeds.

    python -m benchmarks.precision --corpus fra-eng

Trains batch 32 with the default settings and prints one JSON object per stretch of iterations: the
mean loss per token of each run, and how many bf16 runs are within the range of the fp32 runs.
"""

import argparse
import json

import numpy as np

from s2s.threads import limit_thread_spinning

limit_thread_spinning()

from s2s.config import TrainConfig  # noqa: E402 (torch reads the environment when it is imported)
from s2s.records import StepRecord  # noqa: E402
from s2s.runs.execute import build_trainer  # noqa: E402
from s2s.training.device import resolve_device  # noqa: E402


def train_curve(args: argparse.Namespace, precision: str, seed: int) -> list[float]:
    """Train one run; return the loss per token of successive stretches of iterations."""
    config = TrainConfig(
        corpus=args.corpus,
        iterations=args.iterations,
        precision=precision,
        seed=seed,
        threads=args.threads,
        evaluate_every=args.iterations,
    )
    trainer = build_trainer(config, resolve_device("auto"))
    steps = [event for event in trainer.run() if isinstance(event, StepRecord)]
    losses = np.array([float(step.loss_sum) for step in steps]).reshape(args.stretches, -1)
    tokens = np.array([step.target_tokens for step in steps]).reshape(args.stretches, -1)
    return (losses.sum(1) / tokens.sum(1)).tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", default="starter")
    parser.add_argument("--iterations", type=int, default=600)
    parser.add_argument("--stretches", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    curves: dict[str, list[list[float]]] = {"fp32": [], "bf16": []}
    for seed in range(args.seeds):
        for precision, runs in curves.items():
            runs.append(train_curve(args, precision, seed))
    for stretch in range(args.stretches):
        fp32, bf16 = ([run[stretch] for run in curves[kind]] for kind in ("fp32", "bf16"))
        inside = [min(fp32) <= loss <= max(fp32) for loss in bf16]
        print(
            json.dumps(
                {
                    "up_to_iteration": (stretch + 1) * args.iterations // args.stretches,
                    "fp32": [round(loss, 4) for loss in fp32],
                    "bf16": [round(loss, 4) for loss in bf16],
                    "bf16_inside": sum(inside),
                    "mean_difference": round(float(np.mean(bf16) - np.mean(fp32)), 5),
                    "fp32_standard_deviation": round(float(np.std(fp32, ddof=1)), 5),
                }
            )
        )


if __name__ == "__main__":
    main()
