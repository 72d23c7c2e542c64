"""The commands about the machine: `bench` and `system`."""

import argparse
import dataclasses
import functools
import json
import os
import signal
import sys

from s2s.bench_report import BenchReport, save_bench
from s2s.cli import common
from s2s.config import TrainConfig
from s2s.machine.host import read_system_info
from s2s.text.bench import format_bench
from s2s.threads import Spinning, set_spinning
from s2s.validation import check_integer, check_number, parse_batch_sizes

_DAY_SECONDS = 86_400.0


def add_commands(commands: common.Commands) -> None:
    """Add `bench` and `system`."""
    parser = common.add_command(
        commands,
        "bench",
        bench,
        "Measure the speed of engines, batch sizes and precisions in interleaved rounds.",
    )
    add = functools.partial(common.add_option, parser)
    engines_help = "such as article,fused (default: all that this machine supports)"
    parser.add_argument("--engines", default="", help=engines_help)
    add("--batch-sizes", "2,32,128,512", "sentences per step")
    add("--precision", str(TrainConfig.precision), "such as fp32,bf16")
    add("--rounds", 5, "number of rounds; each times every combination")
    add("--seconds", 2.0, "time per combination in each round; at least 5 steps")
    parser.add_argument(
        "--openmp",
        choices=[each.value for each in Spinning],
        help="how idle threads spin: brief (set by s2s) or default (set by torch)",
    )
    common.add_model_options(parser)
    common.add_command(commands, "system", describe_system, "Describe this machine.")


def bench(options: argparse.Namespace) -> int | None:
    # `options.precision` is a list: Bench sets each precision itself.
    base_config = TrainConfig.from_json({**vars(options), "precision": TrainConfig.precision})
    batch_sizes = parse_batch_sizes(options.batch_sizes)
    rounds = check_integer(options.rounds, "Rounds", 1, 1_000_000)
    seconds = check_number(
        options.seconds,
        "Seconds per combination and round",
        0.0,
        _DAY_SECONDS,
        exclude_minimum=True,
    )
    if options.openmp:
        set_spinning(os.environ, Spinning(options.openmp))  # torch reads it on import
    from s2s.bench.bench import Bench

    measurement = Bench(
        base_config,
        engines=common.split_list(options.engines) or None,
        batch_sizes=batch_sizes,
        precisions=common.split_list(options.precision),
        rounds=rounds,
        seconds=seconds,
        command=options.command_line,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C
    try:
        with common.show_progress() as show:
            for activity, share in measurement.run():
                show(activity, share)
    except KeyboardInterrupt:
        if not measurement.build_report():
            common.print_text("s2s: stopped before anything was measured.", sys.stderr)
        return common.EXIT_STOPPED
    finally:  # however the bench ended, print the completed rounds
        if report := measurement.build_report():
            _print_report(options, report)
    return None


def _print_report(options: argparse.Namespace, report: BenchReport) -> None:
    if options.json:
        values = dataclasses.asdict(report)
        for row in values.pop("rows"):
            common.print_json({"event": "combination", **row})
        common.print_json({"event": "bench", **values})
    else:
        common.print_text(format_bench(report))
    save_bench(report)


def describe_system(options: argparse.Namespace) -> None:
    info, lines = read_system_info(), []
    for name, value in info.items():
        is_nested = isinstance(value, dict | list)
        lines.append(f"{name:24}{json.dumps(value, ensure_ascii=False) if is_nested else value}")
    common.print_result(options, info, "\n".join(lines))
