"""Commands, their arguments, and the sentences that explain them."""

import argparse
from collections.abc import Callable
from enum import StrEnum

from s2s.cli import advise as advising
from s2s.cli import commands as run
from s2s.cli import replay as replaying
from s2s.cli import sweep as sweeping
from s2s.config import (
    CorpusChoices,
    Direction,
    Engine,
    LearningRateRule,
    Normalizer,
    OptimizerName,
    Precision,
    SweepConfig,
    TrainConfig,
)
from s2s.threads import Waiting


def parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="one JSON object a line")
    whole = argparse.ArgumentParser(
        prog="python -m s2s", description="Which batch size? Train a translator and measure."
    )
    commands = whole.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, what: Callable[..., int], help_: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, parents=[common], help=help_, description=help_)
        added.set_defaults(command=what)
        return added

    _add_corpora(command("corpora", run.corpora_list, "List corpora, or add or remove one."))
    _add_train(command("train", run.train, "Train a model; the last line is its summary."))
    resuming = command("resume", run.resume, "Go on with a run that was interrupted.")
    resuming.add_argument("run", metavar="RUN", help="a run's id, or last")
    _add_bench(command("bench", run.bench, "Time engines, batch sizes and precisions in turn."))
    _add_sweep(command("sweep", sweeping.sweep, "Train several batch sizes; ends with a table."))
    _add_advise(command("advise", advising.advise, "Tell which batch size a sweep speaks for."))
    _add_replay(command("replay", replaying.replay, "Repeat the article's comparison: a verdict."))
    command("sweeps", sweeping.sweeps, "List all sweeps, the newest first.")
    translating = command("translate", run.translate, "Translate with the model of a run.")
    translating.add_argument("--run", default="last", help="a run's id, or last (the default)")
    translating.add_argument("sentences", nargs="*", help="else one a line on standard input")
    evaluating = command("evaluate", run.evaluate, "BLEU and chrF on the corpus's test part.")
    evaluating.add_argument("--run", default="last", help="a run's id, or last (the default)")
    _add_noise(command("noise", run.noise, "Gradient noise scale after a run's last step."))
    listing = command("runs", run.runs, "List runs, the newest first.")
    listing.add_argument("--archived", action="store_true", help="archived ones too")
    exporting = command("export", run.export, "Write every run: a CSV row a step, or JSON a run.")
    exporting.add_argument("--format", choices=("csv", "json"), default="csv")
    exporting.add_argument("--output", default="-", help="a file; standard output by default")
    command("system", run.system, "Tell what this machine is.")
    return whole


def _add_corpora(parser: argparse.ArgumentParser) -> None:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS,  # so as not to undo a --json before add or remove
        help="one JSON object a line",
    )
    commands = parser.add_subparsers(metavar="add|remove")
    choices = CorpusChoices()
    adding = commands.add_parser(
        "add",
        parents=[common],
        help="prepare a corpus",
        description="Prepare a .txt, .tsv or .zip of tab-separated pairs, a named pair such as "
        "fra-eng (downloaded), or starter (built in).",
    )
    adding.add_argument("what", metavar="NAME_OR_PATH")
    adding.add_argument("--name", default="", help="by default the file's name without suffix")
    adding.add_argument(
        "--normalizer", default=choices.normalizer.value, choices=_values(Normalizer)
    )
    adding.add_argument("--direction", default=choices.direction.value, choices=_values(Direction))
    adding.add_argument("--max-length", type=int, default=choices.max_length, help="words a side")
    adding.add_argument(
        "--min-count", type=int, default=choices.min_count, help="rarer words become UNK"
    )
    adding.add_argument(
        "--max-vocabulary", type=int, default=choices.max_vocabulary, help="words a side; 0: all"
    )
    adding.set_defaults(command=run.corpora_add)
    removing = commands.add_parser("remove", parents=[common], help="delete a prepared corpus")
    removing.add_argument("name")
    removing.set_defaults(command=run.corpora_remove)


def _add_train(parser: argparse.ArgumentParser) -> None:
    default = TrainConfig()
    add = parser.add_argument
    add("--batch-size", type=int, default=default.batch_size, help="sentences a step")
    add("--iterations", type=int, help="optimizer steps (1,000, or as many as --seconds allows)")
    add("--seconds", type=float, default=0.0, help="finish after this training time, if earlier")
    add("--engine", default=default.engine.value, choices=_values(Engine))
    add("--evaluate-every", type=int, default=0, help="iterations; 0: ten times a run")
    add("--target-loss", type=float, default=0.0, help="finish at this validation loss a token")
    _add_training(parser)


def _add_training(parser: argparse.ArgumentParser) -> None:
    """What a run and all parts of a sweep have in common."""
    default = TrainConfig()
    add = parser.add_argument
    add("--corpus", default=default.corpus, help="a prepared corpus (default: %(default)s)")
    add("--hidden-size", type=int, default=default.hidden_size)
    add("--layers", type=int, default=default.layers)
    add("--dropout", type=float, default=default.dropout)
    add("--optimizer", default=default.optimizer.value, choices=_values(OptimizerName))
    add("--learning-rate", type=float, default=default.learning_rate)
    add("--momentum", type=float, default=default.momentum)
    add("--teacher-forcing", type=float, default=default.teacher_forcing)
    add("--length-pool", type=int, default=0, help="batches drawn at once and cut by length")
    add("--seed", type=int, default=default.seed)
    add("--device", default=default.device, help="auto, cpu or cuda:N")
    add("--precision", default=default.precision.value, choices=_values(Precision))
    add("--threads", type=int, default=default.threads, help="0: torch's own choice")
    add("--sentence", action="append", default=[], help="one to follow through the run")
    add(
        "--quality",
        dest="measure_quality",
        action="store_true",
        help="BLEU and chrF on the test part at the end, in the summary",
    )
    add("--keep-optimizer", action="store_true", help="so that training can go on exactly")
    add(
        "--continue",
        dest="continue_from",
        metavar="RUN",
        help="start from its weights (id, or last)",
    )


def _add_advise(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--sweep", type=int, metavar="ID", help="the newest by default")
    add(
        "--target-loss",
        type=float,
        default=0.0,
        metavar="LOSS",
        help="validation loss per token; by default the sweep's, or the lowest that all reached",
    )
    add(
        "--noise",
        action="store_true",
        help="measure the gradient noise scale beside it, a cross-check, where it is not yet",
    )
    add(
        "--check",
        action="store_true",
        help="leave out each inner size in turn and predict its time to the target and its memory",
    )


def _add_sweep(parser: argparse.ArgumentParser) -> None:
    default = SweepConfig()
    sizes = ",".join(map(str, default.batch_sizes))
    add = parser.add_argument
    add("--resume", type=int, metavar="SWEEP", help="go on with it; the other options are its own")
    add("--batch-sizes", default=sizes, help="sentences a step (default: %(default)s)")
    add("--grow-until-oom", action="store_true", help="go on doubling (meant for a GPU)")
    add("--engines", default=default.engines[0].value, help="such as article,fused")
    add("--repeats", type=int, default=default.repeats, help="runs of each, with seeds that follow")
    add(
        "--learning-rate-rule",
        default=default.learning_rate_rule.value,
        choices=_values(LearningRateRule),
        help="how the learning rate follows the batch size (default: %(default)s)",
    )
    add(
        "--base-batch-size",
        type=int,
        default=default.base.batch_size,
        help="the one that --learning-rate is for (default: %(default)s)",
    )
    budget = parser.add_mutually_exclusive_group()
    samples = f"sentences that each run trains on (default: {default.amount:,})"
    budget.add_argument("--samples", type=int, help=samples)
    budget.add_argument("--iterations", type=int, help="optimizer steps of each run")
    budget.add_argument("--seconds", type=float, help="training time of each run")
    add(
        "--target-loss",
        type=float,
        default=0.0,
        help="finish a run at this validation loss a token; --samples is then a limit",
    )
    add("--keep-all-weights", action="store_true", help="not only those of the first repeat")
    _add_training(parser)


def _add_replay(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--sweep", type=int, metavar="ID", help="the verdict of one that was run before")
    add("--corpus", default=TrainConfig.corpus, help="a prepared corpus (default: %(default)s)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--iterations", type=int, help="of each run (1,000, as in the article)")
    length.add_argument(
        "--long", action="store_true", help="10,000 of them, with translations every 1,000"
    )
    add("--repeats", type=int, help="runs of each (default: 3; 1 beyond 1,000 iterations)")
    add("--threads", type=int, default=TrainConfig.threads, help="0: torch's own choice")


def _add_noise(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", default="last", help="a run's id, or last (the default)")
    parser.add_argument(
        "--sentences",
        type=int,
        help="to take gradients of (10,240); more of them make the answer more certain",
    )


def _add_bench(parser: argparse.ArgumentParser) -> None:
    default = TrainConfig()
    add = parser.add_argument
    add("--corpus", default=default.corpus, help="a prepared corpus (default: %(default)s)")
    add("--engines", default="", help="such as article,fused; by default all that run here")
    add("--batch-sizes", default="2,32,128,512", help="sentences a step (default: %(default)s)")
    add("--precision", default=default.precision.value, help="such as fp32,bf16")
    add("--rounds", type=int, default=5, help="each visits every combination")
    add(
        "--seconds",
        type=float,
        default=2.0,
        help="of a combination in a round; at least 5 steps. Memory, on a CPU, takes seconds more",
    )
    add("--hidden-size", type=int, default=default.hidden_size)
    add("--layers", type=int, default=default.layers)
    add("--optimizer", default=default.optimizer.value, choices=_values(OptimizerName))
    add("--learning-rate", type=float, default=default.learning_rate)
    add("--device", default=default.device, help="auto, cpu or cuda:N")
    add("--threads", type=int, default=default.threads, help="0: torch's own choice")
    add(
        "--openmp",
        choices=_values(Waiting),
        help="how idle threads wait: briefly, as s2s does, or by default as torch does (they spin)",
    )


def _values(kind: type[StrEnum]) -> list[str]:
    """As a person types them; argparse would show the members' own form."""
    return [member.value for member in kind]
