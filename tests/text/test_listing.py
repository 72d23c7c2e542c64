"""Lines and summaries of the command line."""

import dataclasses

from s2s.config import SweepConfig
from s2s.data.corpus import Corpus
from s2s.records import Interference, RunState, Translation
from s2s.text import listing
from tests.golden_text import check_golden
from tests.plausible import RUN, summary

BARE = summary(7, RunState.FINISHED, RUN.config, 1000)
FULL = dataclasses.replace(
    BARE,
    step_seconds=0.1,
    step_relative_iqr=0.17,
    phase_seconds={"data": 0.01, "forward": 0.05, "between": 0.001},
    warmup_steps=3,
    warmup_seconds=0.5,
    bleu=31.4,
    chrf=52.7,
    interference=Interference(1.5, 2, (), None),
)
NOTHING = dataclasses.replace(
    BARE, state=RunState.STOPPED, samples_per_second=None, target_tokens_per_second=None,
    padding_ratio=None, loss_per_token=None, loss_per_sentence=None, validation_loss_per_token=None,
)  # fmt: skip


def test_golden_text(tiny: Corpus) -> None:
    corpus = dataclasses.replace(tiny.info, pairs_read=167_130, pairs_kept=166_280, seconds=4.2)
    finished = dataclasses.replace(RUN, state=RunState.FINISHED, iterations_done=1000, summary=FULL)
    interrupted = dataclasses.replace(RUN, state=RunState.INTERRUPTED, iterations_done=40)
    archived = dataclasses.replace(finished, summary=BARE, tags=("slow",), archived_at=1.0)
    lines = [
        listing.format_run(RUN),
        listing.format_run(finished),
        listing.format_run(archived),
        listing.format_run(interrupted, resume_iteration=30),
    ]
    known = Translation("je mange", "i eat .", (), (), 0.1, finished=True)
    unknown = dataclasses.replace(known, unknown_words=("zorro", "tornado"))
    target = SweepConfig(target_loss=2.0, budget="target", grow_until_oom=True)
    check_golden(
        "listing",
        {
            "corpus": listing.format_corpus(corpus),
            "runs": "\n".join(lines),
            "summary with every figure": listing.format_summary(finished, FULL, can_translate=True),
            "summary without figures": listing.format_summary(
                interrupted, NOTHING, can_translate=False
            ),
            "translations": "\n".join(map(listing.format_translation, (known, unknown))),
            "estimates": "\n".join(
                [
                    listing.describe_sweep_estimate(SweepConfig(), 1, None, "", "cpu"),
                    listing.describe_sweep_estimate(target, 30, 600.0, "earlier runs", "cuda:0"),
                ]
            ),
        },
    )
