"""Times OpenNMT-py 3.5.1's training step on a corpus of s2s, for `python -m benchmarks.against`.

OpenNMT-py is no dependency of s2s: it is installed into a folder of its own, without its pins,
which hold back torch. Once, from the project's folder, with the project's Python:

    python -m pip install --no-deps --target FOLDER OpenNMT-py==3.5.1 \
        configargparse==1.9.0 pyonmttok==1.38.1 rapidfuzz==3.14.6 pyyaml==6.0.3
    python -m s2s corpora add fra-eng.zip --normalizer article

Then, for target tokens/s of both in turn, in fp32 and again with `--precision bf16`:

    export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=4000000000
    python -m benchmarks.against --corpus fra-eng --batch-sizes 32 --precision fp32 \
        --optimizer adam --learning-rate 1e-3 --threads 1 --pairs 7 --seconds 15 \
        -- python -m benchmarks.opennmt --onmt FOLDER --corpus fra-eng --iterations 150

Or for its own figure alone:

    OMP_NUM_THREADS=1 python -m benchmarks.opennmt --onmt FOLDER

Prints one JSON object a batch size; losses are per sentence, means of ten steps: the first of the
warm-up, and the last.

The same on both sides: training pairs, vocabularies (the four special words included), random
batches with replacement, GRU 128 a side without attention, embeddings of 128, their dropout of 0.2
and no other, teacher forcing, Adam 1e-3, loss summed over real target tokens over the batch size.
Targets are counted with EOS. The sizes of both models go to standard error.

What runs is OpenNMT-py's own `Trainer.train` with its model, loss, statistics and optimizer, as its
options build them. In its favour: its batches are made before the clock starts (ours are drawn
within it), its source has no EOS (as its own reader leaves it out), and what ours does not do is
off: gradient clipping, dropout on the decoder's output, padding of the vocabulary, reports. What
it always does stays: the share of words it got right, a step.
The first line is for it too: without, glibc returns its softmax over the whole batch to the system
in every step, and fresh pages cost it a third of its speed; ours is no faster or slower for it.
On a processor it computes in fp32 only; a bf16 figure of ours is against that.

Two options go beyond that. `--bucket 262144` (its default) sorts that many sentences by length
before they are cut into batches, as its own reader does: next to no padding, but another order of
samples. `--fused-adam` puts torch's fused Adam, which ours uses, in place of its option's.
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

from s2s.data.batches import Batch, Batches
from s2s.data.catalog import open_corpus
from s2s.data.corpus import Corpus, Side
from s2s.paths import corpora_folder
from s2s.records import EOS, PAD, SOS
from s2s.translation.model import Seq2Seq

WARM_UP_STEPS = 10
ENDS = 10
"""Steps whose mean loss is told, at either end."""
NOT_NEEDED = ("spacy", "ahocorasick", "fasttext")
"""Imported by transforms of text that nothing here uses."""
OPTIONS = """
    --encoder_type rnn --decoder_type rnn --rnn_type GRU --input_feed 0 --global_attention none
    --hidden_size 128 --word_vec_size 128 --layers 1 --dropout 0.2
    --optim adam --learning_rate 0.001 --max_grad_norm 0 --normalization sents
    --data {} --src_vocab _ --tgt_vocab _ --save_model _
"""
"""The last line is required, and unused: vocabularies and batches are handed over."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--onmt", type=Path, required=True, help="where it was installed to")
    parser.add_argument("--corpus", default="fra-eng", help="prepared; default: %(default)s")
    parser.add_argument("--batch-sizes", default="32", help="such as 2,32; default: %(default)s")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--iterations", type=int, default=100, help="timed; default: %(default)s")
    parser.add_argument("--bucket", type=int, default=0, help="sentences sorted by length together")
    parser.add_argument("--fused-adam", action="store_true")
    options = parser.parse_args()

    warnings.filterwarnings("ignore")  # of names that torch has moved since
    torch.set_num_threads(options.threads)
    sys.path.append(str(options.onmt))  # after what s2s brings along
    for name in NOT_NEEDED:
        sys.modules.setdefault(name, types.ModuleType(name))
    corpus = open_corpus(corpora_folder(), options.corpus)
    for batch_size in map(int, options.batch_sizes.split(",")):
        print(json.dumps(timed(options, corpus, batch_size)), flush=True)


def timed(options: argparse.Namespace, corpus: Corpus, batch_size: int) -> dict[str, object]:
    torch.manual_seed(0)
    trainer = build_trainer(corpus, options.fused_adam)
    losses = trainer.report_manager.losses
    batches = drawn(corpus, batch_size, WARM_UP_STEPS + options.iterations, options.bucket)
    theirs = [(as_theirs(batch), 0) for batch in batches]
    train(trainer, theirs[:WARM_UP_STEPS])
    started = time.perf_counter()
    words = train(trainer, theirs[WARM_UP_STEPS:])
    seconds = time.perf_counter() - started
    batches = batches[WARM_UP_STEPS:]
    tokens = sum(batch.target_tokens for batch in batches)
    assert words == tokens, f"it counts {words} target tokens, s2s {tokens}"
    cells = sum(batch.target.numel() for batch in batches)
    return {
        "batch_size": batch_size,
        "samples_per_second": round(batch_size * options.iterations / seconds, 2),
        "target_tokens_per_second": round(tokens / seconds, 1),
        "iterations": options.iterations,
        "seconds": round(seconds, 3),
        "padded_share_of_target": round(1 - tokens / cells, 3),
        "first_loss": round(float(np.mean(losses[:ENDS])), 2),
        "last_loss": round(float(np.mean(losses[-ENDS:])), 2),
        "threads": torch.get_num_threads(),
    }


def build_trainer(corpus: Corpus, fused_adam: bool) -> Any:
    """OpenNMT-py's own trainer, as its command would build it."""
    from onmt.model_builder import build_model
    from onmt.opts import train_opts
    from onmt.trainer import build_trainer
    from onmt.utils.optimizers import Optimizer
    from onmt.utils.parse import ArgumentParser

    parser = ArgumentParser()
    train_opts(parser)
    choices = parser.parse_args(OPTIONS.split())
    ArgumentParser.update_model_opts(choices)
    ArgumentParser.validate_model_opts(choices)
    choices.data = {}
    vocabularies = {"src": vocabulary(corpus.source), "tgt": vocabulary(corpus.target)}
    model = build_model(choices, choices, vocabularies, checkpoint=None, device_id=-1)
    model.decoder.dropout.p = 0.0  # on the output; ours has none there
    tell_sizes(model, corpus)
    optimizer = Optimizer.from_opt(model, choices)
    if fused_adam:
        for group in optimizer._optimizer.param_groups:
            group["fused"] = True
    trainer = build_trainer(choices, -1, model, vocabularies, optimizer)
    trainer.report_manager = Losses()
    return trainer


class Losses:
    """In place of its reports, which write to a log: every step's loss per sentence."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.start_time = 0.0

    def report_training(self, *given: Any, **_named: Any) -> Any:
        """Called after each step with its statistics last; returns those to go on with."""
        statistics = given[-1]
        self.losses.append(statistics.loss / statistics.n_sents)
        return type(statistics)()


def train(trainer: Any, batches: Sequence[tuple[dict[str, torch.Tensor], int]]) -> int:
    """A step for each; returns the target tokens that it counted."""
    never = 10**9
    return trainer.train(batches, 0, save_checkpoint_steps=0, valid_steps=never).n_words


def vocabulary(side: Side) -> dict[str, int]:
    """The ids of s2s, the special words under OpenNMT-py's names."""
    names = ["<blank>", "<s>", "</s>", "<unk>", *side.model_vocabulary()[4:]]
    ids = {name: place for place, name in enumerate(names)}
    assert len(ids) == side.vocabulary, "a word of the corpus has the name of a special one"
    return ids


def drawn(corpus: Corpus, batch_size: int, count: int, bucket: int) -> list[Batch]:
    """Training pairs with replacement; `bucket`: see above, 0 for random batches."""
    random = np.random.default_rng(0)
    sentences = random.integers(0, len(corpus.training), max(batch_size * count, bucket))
    if bucket:
        keys = (corpus.target.lengths()[sentences], corpus.source.lengths()[sentences])
        sentences = sentences[np.lexsort(keys)]
    whole = len(sentences) // batch_size
    rows = sentences[: whole * batch_size].reshape(whole, batch_size)
    batches = Batches(corpus, torch.device("cpu"))
    return [batches.make_padded(rows[row]) for row in random.permutation(whole)[:count]]


def as_theirs(batch: Batch) -> dict[str, torch.Tensor]:
    """Sentences down, time across; no EOS in the source, SOS before the target."""
    source = batch.source[:-1].masked_fill(batch.source[:-1] == EOS, PAD)
    target = torch.nn.functional.pad(batch.target, (0, 0, 1, 0), value=SOS)
    return {
        "src": source.T.unsqueeze(2).contiguous(),
        "srclen": batch.source_lengths - 1,
        "tgt": target.T.unsqueeze(2).contiguous(),
        "tgtlen": batch.target_lengths + 1,
    }


def tell_sizes(model: torch.nn.Module, corpus: Corpus) -> None:
    ours = Seq2Seq(corpus.source.vocabulary, corpus.target.vocabulary)
    sizes = [sum(each.numel() for each in side.parameters()) for side in (model, ours)]
    dropout = {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)}
    print(
        f"Parameters: theirs {sizes[0]:,}, ours {sizes[1]:,}. Their dropout: {sorted(dropout)}.",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
