"""One combination timed in a process of its own, as the other side of a comparison is.

    python -m s2s.runs.bench_process '{"config": {"engine": "fused", ...}, "seconds": 10}'

Prints its row as JSON. The device's lease is the caller's; the environment says how threads wait.
"""

import dataclasses
import json
import sys

from s2s.config import TrainConfig, UserError
from s2s.data.catalog import open_corpus
from s2s.home import corpora_folder
from s2s.training.bench import Bench
from s2s.training.device import resolve_device


def main(argument: str) -> int:
    """0, or 1 with a sentence on standard error."""
    import torch

    wanted = json.loads(argument)
    try:
        config = TrainConfig.from_json(wanted["config"])
        if config.threads:
            torch.set_num_threads(config.threads)
        corpus = open_corpus(corpora_folder(), config.corpus)
        bench = Bench(
            [config],
            corpus,
            resolve_device(config.device),
            rounds=1,
            seconds=wanted["seconds"],
            with_floor=False,
        )
        for _ in bench.run():
            pass
        if not bench.rows():
            raise UserError(bench.notes[0])
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(dataclasses.asdict(bench.rows()[0])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
