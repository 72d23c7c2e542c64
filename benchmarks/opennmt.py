"""Time OpenNMT-py 3.5.1's training step on a corpus of s2s, for `python -m benchmarks.against`.

OpenNMT-py is not a dependency of s2s. Install it into a separate folder, without its version pins,
which would downgrade torch. Once, in the project's folder, with the project's Python:

    python -m pip install --no-deps --target FOLDER OpenNMT-py==3.5.1 \
        configargparse==1.9.0 pyonmttok==1.38.1 rapidfuzz==3.14.6 pyyaml==6.0.3
    python -m s2s corpora add fra-eng.zip --normalizer article

Then, to compare target tokens/s (in fp32, and again with `--precision bf16`):

    export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=4000000000
    python -m benchmarks.against --corpus fra-eng --batch-sizes 32 --precision fp32 \
        --optimizer adam --learning-rate 1e-3 --threads 1 --pairs 7 --seconds 15 \
        -- python -m benchmarks.opennmt --onmt FOLDER --corpus fra-eng --iterations 150

Or to time OpenNMT-py alone:

    OMP_NUM_THREADS=1 python -m benchmarks.opennmt --onmt FOLDER

Prints one JSON object per batch size. Losses are per sentence, averaged over the first ten steps
(the warm-up) and the last ten.

Both sides have the same training pairs, vocabularies (with the four special words), random batches
with replacement, one GRU of 128 per side without attention, embeddings of 128 with dropout 0.2 and
no other dropout, teacher forcing, Adam 1e-3, and a loss summed over real target tokens and divided
by the batch size. Targets are counted with EOS. The sizes of both models go to standard error.

This runs OpenNMT-py's own `Trainer.train` with its model, loss, statistics and optimizer, built by
its options. In its favor: its batches are made before the clock starts (those of s2s are drawn
while it runs), its source has no EOS (its own reader omits it), and everything that s2s does not do
is off: gradient clipping, dropout on the decoder's output, padding of the vocabulary, reports. It
still counts its correct words at each step. The first line above also favors it: otherwise glibc
returns its softmax over the whole batch to the system at each step, and new pages cost it a third
of its speed; s2s is not affected. On a CPU it computes in fp32 only, so bf16 is compared with that.

Two options change that. `--bucket 262144` (its default) sorts that many sentences by length before
they are cut into batches, as its own reader does: almost no padding, but another order of samples.
`--fused-adam` uses torch's fused Adam, as s2s does.
"""

import argparse
import json
import sys
import time
import types
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from s2s.data.batches import Batch, BatchMaker
from s2s.data.catalog import open_corpus
from s2s.data.corpus import Corpus, Side
from s2s.paths import corpora_folder
from s2s.records import EOS, PAD, SOS
from s2s.translation.model import Seq2Seq

WARM_UP_STEPS = 10
ENDS = 10
"""Number of steps that the reported losses are averaged over."""
NOT_NEEDED = ("spacy", "ahocorasick", "fasttext")
"""Modules imported by text transforms that are not used here."""
OPTIONS = """
    --encoder_type rnn --decoder_type rnn --rnn_type GRU --input_feed 0 --global_attention none
    --hidden_size 128 --word_vec_size 128 --layers 1 --dropout 0.2
    --optim adam --learning_rate 0.001 --max_grad_norm 0 --normalization sents
    --data {} --src_vocab _ --tgt_vocab _ --save_model _
"""
"""The last line is required but unused: vocabularies and batches are passed directly."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--onmt", type=Path, required=True, help="folder with OpenNMT-py")
    parser.add_argument(
        "--corpus", default="fra-eng", help="prepared corpus (default: %(default)s)"
    )
    parser.add_argument("--batch-sizes", default="32", help="such as 2,32 (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--iterations", type=int, default=100, help="timed steps (default: %(default)s)"
    )
    parser.add_argument(
        "--bucket", type=int, default=0, help="number of sentences to sort by length"
    )
    parser.add_argument("--fused-adam", action="store_true")
    options = parser.parse_args()

    warnings.filterwarnings("ignore")  # about names that torch has moved
    torch.set_num_threads(options.threads)
    sys.path.append(str(options.onmt))  # the packages of s2s come first
    for name in NOT_NEEDED:
        sys.modules.setdefault(name, types.ModuleType(name))
    corpus = open_corpus(corpora_folder(), options.corpus)
    for batch_size in map(int, options.batch_sizes.split(",")):
        print(json.dumps(time_training(options, corpus, batch_size)), flush=True)


def time_training(
    options: argparse.Namespace, corpus: Corpus, batch_size: int
) -> dict[str, object]:
    """Train the warm-up and the timed steps; return the figures of the timed ones."""
    torch.manual_seed(0)
    trainer = build_trainer(corpus, options.fused_adam)
    losses = trainer.report_manager.losses
    batches = draw_batches(corpus, batch_size, WARM_UP_STEPS + options.iterations, options.bucket)
    inputs = [(convert_batch(batch), 0) for batch in batches]
    train(trainer, inputs[:WARM_UP_STEPS])
    start = time.perf_counter()
    words = train(trainer, inputs[WARM_UP_STEPS:])
    seconds = time.perf_counter() - start
    batches = batches[WARM_UP_STEPS:]
    tokens = sum(batch.target_tokens for batch in batches)
    assert words == tokens, f"OpenNMT-py counts {words} target tokens, s2s {tokens}"
    padded_tokens = sum(batch.target.numel() for batch in batches)
    return {
        "batch_size": batch_size,
        "samples_per_second": round(batch_size * options.iterations / seconds, 2),
        "target_tokens_per_second": round(tokens / seconds, 1),
        "iterations": options.iterations,
        "seconds": round(seconds, 3),
        "target_padding_ratio": round(1 - tokens / padded_tokens, 3),
        "first_loss": round(float(np.mean(losses[:ENDS])), 2),
        "last_loss": round(float(np.mean(losses[-ENDS:])), 2),
        "threads": torch.get_num_threads(),
    }


def build_trainer(corpus: Corpus, fused_adam: bool) -> Any:
    """Build OpenNMT-py's trainer as its command does."""
    from onmt.model_builder import build_model
    from onmt.opts import train_opts
    from onmt.trainer import build_trainer
    from onmt.utils.optimizers import Optimizer
    from onmt.utils.parse import ArgumentParser

    parser = ArgumentParser()
    train_opts(parser)
    settings = parser.parse_args(OPTIONS.split())
    ArgumentParser.update_model_opts(settings)
    ArgumentParser.validate_model_opts(settings)
    settings.data = {}
    vocabularies = {"src": vocabulary(corpus.source), "tgt": vocabulary(corpus.target)}
    model = build_model(settings, settings, vocabularies, checkpoint=None, device_id=-1)
    model.decoder.dropout.p = 0.0  # on the output, where s2s has none
    print_sizes(model, corpus)
    optimizer = Optimizer.from_opt(model, settings)
    if fused_adam:
        for group in optimizer._optimizer.param_groups:
            group["fused"] = True
    trainer = build_trainer(settings, -1, model, vocabularies, optimizer)
    trainer.report_manager = Losses()
    return trainer


class Losses:
    """Replaces the report manager, which writes to a log; keeps each step's loss per sentence."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.start_time = 0.0

    def report_training(self, *arguments: Any, **_options: Any) -> Any:
        """Record the statistics, which are the last argument; return empty ones."""
        statistics = arguments[-1]
        self.losses.append(statistics.loss / statistics.n_sents)
        return type(statistics)()


def train(trainer: Any, batches: Sequence[tuple[dict[str, torch.Tensor], int]]) -> int:
    """Train a step per batch; return the target tokens that OpenNMT-py counted."""
    never = 10**9
    return trainer.train(batches, 0, save_checkpoint_steps=0, valid_steps=never).n_words


def vocabulary(side: Side) -> dict[str, int]:
    """Return the ids of s2s, with OpenNMT-py's names of the special words."""
    names = ["<blank>", "<s>", "</s>", "<unk>", *side.build_vocabulary().words[4:]]
    ids = {name: place for place, name in enumerate(names)}
    assert len(ids) == side.vocabulary_size, "a word of the corpus has the name of a special word"
    return ids


def draw_batches(corpus: Corpus, batch_size: int, count: int, bucket: int) -> list[Batch]:
    """Draw training pairs with replacement.

    Args:
        bucket: Number of sentences sorted by length; 0: random batches.
    """
    random = np.random.default_rng(0)
    sentences = random.integers(0, len(corpus.training), max(batch_size * count, bucket))
    if bucket:
        keys = (corpus.target.lengths[sentences], corpus.source.lengths[sentences])
        sentences = sentences[np.lexsort(keys)]
    full = len(sentences) // batch_size
    rows = sentences[: full * batch_size].reshape(full, batch_size)
    batches = BatchMaker(corpus, torch.device("cpu"))
    return [batches.make_padded(rows[row]) for row in random.permutation(full)[:count]]


def convert_batch(batch: Batch) -> dict[str, torch.Tensor]:
    """Transpose to (sentences, time); drop the source's EOS, put SOS before the target."""
    source = batch.source[:-1].masked_fill(batch.source[:-1] == EOS, PAD)
    target = torch.nn.functional.pad(batch.target, (0, 0, 1, 0), value=SOS)
    return {
        "src": source.T.unsqueeze(2).contiguous(),
        "srclen": (batch.source != PAD).sum(0) - 1,
        "tgt": target.T.unsqueeze(2).contiguous(),
        "tgtlen": (batch.target != PAD).sum(0) + 1,
    }


def print_sizes(model: torch.nn.Module, corpus: Corpus) -> None:
    """Print the number of parameters of both models to standard error."""
    own_model = Seq2Seq(corpus.source.vocabulary_size, corpus.target.vocabulary_size)
    sizes = [sum(each.numel() for each in side.parameters()) for side in (model, own_model)]
    dropout = {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)}
    print(
        f"Parameters: OpenNMT-py {sizes[0]:,}, s2s {sizes[1]:,}. Its dropout: {sorted(dropout)}.",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
