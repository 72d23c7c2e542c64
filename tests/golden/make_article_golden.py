"""Write article.json: loss and gradients of the article's own code on a tiny batch.

    python tests/golden/make_article_golden.py PATH/article_baseline.py

article_baseline.py is the article's code, patched to run on a current torch; it is not part of
this project. Everything is computed in float64 without dropout. The file also holds the inputs:
the weights, the batch and the encoder's initial state.
"""

import importlib.util
import json
import os
import sys
import tempfile
from pathlib import Path

import torch

PAIRS = ["go .\tva .", "i see you .\tje te vois .", "we see .\tnous voyons .", "go home .\tva la ."]
SOURCE = [[5, 4, 6, 3, 2], [8, 9, 3, 2, 0], [7, 3, 2, 0, 0]]
TARGET = [[4, 6, 5, 3, 2], [7, 3, 2, 0, 0], [8, 6, 3, 2, 0]]


def main() -> None:
    spec = importlib.util.spec_from_file_location("article_baseline", sys.argv[1])
    baseline = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(baseline)
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "fra.txt")
        path.write_text("\n".join(PAIRS), encoding="utf-8")
        names = baseline.load(path)
    source, target = torch.tensor(SOURCE), torch.tensor(TARGET)
    names["random_batch"] = lambda _: (source, target)
    names["hidden_size"] = 4
    encoder = names["EncoderRNN"](10, 4)
    decoder = names["DecoderRNN"](4, 9)
    encoder.drop.p = decoder.drop.p = 0.0
    state = encoder.initHidden(len(SOURCE))
    encoder.initHidden = lambda _: state
    modules = {"encoder": encoder, "decoder": decoder}
    weights = parameters(modules, lambda parameter: parameter)
    names["train_it"](encoder, decoder, len(SOURCE), 1, test=False)
    golden = {
        "source": SOURCE,
        "target": TARGET,
        "state": state.tolist(),
        "weights": weights,
        "loss": float(names["LOSSES"][0]),
        "gradients": parameters(modules, lambda parameter: parameter.grad),
    }
    Path(__file__).with_name("article.json").write_text(json.dumps(golden, indent=0) + os.linesep)


def parameters(modules: dict, read: object) -> dict:
    return {
        f"{side}.{name}": read(parameter).detach().tolist()
        for side, module in modules.items()
        for name, parameter in module.named_parameters()
    }


if __name__ == "__main__":
    main()
