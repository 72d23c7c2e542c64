"""The first training steps of a run in a process of its own, for the memory that they add to it.

    python -m s2s.sweeps.memory_process '{"config": {...}, "steps": 12, "asked_by": 4711}'

Prints as JSON how far the process grew over its own start, null where the system does not tell,
and the cells of the step with the most. Evaluations are left out: they take the same at every batch
size. The device's lease is the caller's, whose process id `asked_by` is.
"""

import json
import os
import sys

from s2s.config import TrainConfig, UserError


def main(argument: str) -> int:
    """0; or 1 with a sentence on standard error, or because who asked is gone."""
    from s2s.machine.peak_memory import PeakMemory, load_routines
    from s2s.runs.execute import build_trainer
    from s2s.training.device import resolve_device

    wanted = json.loads(argument)
    config = TrainConfig.from_json(wanted["config"])
    try:
        device = resolve_device(config.device)
        load_routines(device)
        memory, cells = PeakMemory(device), 0
        with memory.watch():
            trainer = build_trainer(config, device)
            for _ in range(wanted["steps"]):
                cells = max(cells, trainer.step().padded_tokens)
                if os.getppid() != wanted["asked_by"]:
                    return 1
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps({"peak_bytes": memory.bytes, "padded_tokens": cells}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
