"""The nouns that rooms pass to each other: runs, steps, evaluations, readings, translations."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from s2s.config import CorpusChoices, Engine, SweepConfig, TrainConfig

PAD, SOS, EOS, UNK = 0, 1, 2, 3
SPECIAL_WORDS = ("PAD", "SOS", "EOS", "UNK")


class RunState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    STOPPING = "stopping"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    OUT_OF_MEMORY = "out of memory"
    DIVERGED = "diverged"
    INTERRUPTED = "interrupted"

    def is_finished(self) -> bool:
        return self not in (RunState.QUEUED, RunState.RUNNING, RunState.STOPPING)


@dataclass(frozen=True)
class CorpusInfo:
    """What is known of a prepared corpus without opening its arrays."""

    name: str
    choices: CorpusChoices
    content_sha256: str
    source_language: str
    target_language: str
    attribution: str
    pairs_read: int
    """Lines with two columns that hold text."""
    pairs_kept: int
    """Of them, those within the length limit."""
    bad_lines: int
    bad_line_numbers: tuple[int, ...]
    """The first hundred, counted from 1."""
    source_words: int
    """Distinct words of all kept pairs."""
    target_words: int
    source_vocabulary: int
    """Words the model knows, special symbols included; from the training part only."""
    target_vocabulary: int
    training_pairs: int
    validation_pairs: int
    test_pairs: int
    seconds: float
    """Wall seconds that preparing took."""


PHASES = ("data", "forward", "backward", "optimizer")
"""Of a step, in order. The output layer's gradients are taken in the forward phase."""

STEP_DTYPE = np.dtype(
    [
        ("iteration", np.int64),  # counted from 1; a continued run goes on counting
        ("loss_sum", np.float64),  # nats over the batch's real target tokens
        ("samples", np.int32),  # sentences in the batch
        ("source_tokens", np.int32),  # real tokens, EOS included
        ("target_tokens", np.int32),
        ("padded_tokens", np.int32),  # of both padded sides, padding included
        ("seconds", np.float64),  # wall time of the step, its data included
        ("timed", np.bool_),  # False: warm-up or interfered, left out of throughput
        ("data_seconds", np.float32),  # of the step's phases; NaN: not told apart
        ("forward_seconds", np.float32),  # gradients of the output layer included
        ("backward_seconds", np.float32),
        ("optimizer_seconds", np.float32),
        ("interfered", np.bool_),  # this process translated meanwhile; then never timed
    ]
)
"""Columns of a run's step records, as the store keeps and returns them.

Further ones come last, so that what was written before them is a beginning of these.
"""


@dataclass
class StepRecord:
    """One optimizer step. `loss_sum` may still be a tensor on the device."""

    iteration: int
    loss_sum: Any
    samples: int
    source_tokens: int
    target_tokens: int
    padded_tokens: int
    seconds: float
    timed: bool
    phase_seconds: tuple[float, ...]
    """Of its PHASES; NaN: not told apart."""
    interfered: bool = False
    """This process translated meanwhile; such a step is not timed."""


@dataclass(frozen=True)
class SampleTranslation:
    """A sentence followed through a run."""

    source: str
    reference: str
    """Empty for a sentence that the user gave."""
    output: str


@dataclass(frozen=True)
class Evaluation:
    """What the model could do after an iteration; taken outside the timed part."""

    iteration: int
    training_seconds: float
    """Timed and warm-up steps so far."""
    validation_loss_per_token: float | None
    """None where the corpus has no validation part."""
    translations: tuple[SampleTranslation, ...]


@dataclass(frozen=True)
class DeviceSample:
    """One reading of one device. None: not reported."""

    at: float
    """Unix seconds."""
    device: str
    """`cpu` or `cuda:N`."""
    utilization: float | None
    """0 to 1; of the GPU, or of all processor cores by this process."""
    memory_used_bytes: int | None
    """Of the GPU by everyone, or of this process (resident)."""
    memory_total_bytes: int | None
    temperature_celsius: float | None
    torch_allocated_bytes: int | None = None
    """Held by the run's tensors on the GPU."""
    other_load_cores: float | None = None
    """Processor cores that other programs kept busy since the reading before; 0.5 is half a one."""
    throttled: bool | None = None
    """The GPU was slowed down by heat or by its power supply at that moment."""


@dataclass(frozen=True)
class MachineState:
    """What the machine was doing right before or after a run. None: not reported."""

    at: float
    """Unix seconds."""
    load_average: float | None
    """Of one minute: processes that ran or waited for a processor, this one included."""
    other_load_cores: float | None
    """Processor cores that other programs kept busy: before a run while it was made ready, after
    it over the whole run."""
    processor_mhz: float | None
    processor_celsius: float | None
    """Of its hottest part."""
    gpu_sm_mhz: int | None = None
    """Clock of the GPU's multiprocessors; this and what follows is None on a CPU."""
    gpu_memory_mhz: int | None = None
    gpu_celsius: float | None = None
    gpu_watts: float | None = None
    gpu_slowed_by: tuple[str, ...] | None = None
    """Why the driver holds the clocks below their highest; empty: it does not."""
    gpu_other_processes: tuple[tuple[int, int | None], ...] | None = None
    """Process id and bytes of each other program that computes on the GPU."""


@dataclass(frozen=True)
class Summary:
    """A run in figures; losses are means over the tokens or sentences of its last 50 steps."""

    run_id: int
    state: RunState
    engine: str
    batch_size: int
    iterations: int
    seconds: float
    """Wall time of all steps, warm-up included, evaluation and checkpoints left out."""
    user_seconds: float
    """Processor time of this process over the whole run, evaluations included; of one that was
    resumed from there on."""
    system_seconds: float
    samples_per_second: float | None
    """Samples of the timed steps over their wall time; None before the first timed step."""
    target_tokens_per_second: float | None
    padding_ratio: float | None
    """Share of the computed cells that hold padding."""
    loss_per_sentence: float | None
    loss_per_token: float | None
    validation_loss_per_token: float | None
    peak_memory_bytes: int | None
    """On a GPU torch's peak of the run; on a CPU the highest of the readings, one a second, of the
    whole process's resident size, which earlier runs in the process raise."""
    step_seconds: float | None = None
    """Median of the timed steps."""
    step_relative_iqr: float | None = None
    """IQR of the step time over stretches of the run, as a share of their median."""
    noise: str | None = None
    """Of that IQR: empty, `noisy` or `very noisy`; None where it is not known."""
    warmup_steps: int | None = None
    warmup_seconds: float | None = None
    interfered_steps: int | None = None
    """Left out because this process translated meanwhile."""
    interfered_seconds: float | None = None
    phase_seconds: dict[str, float] | None = None
    """Median of each of PHASES and of what lies `between` the steps."""
    busy: str = ""
    """What else the machine did, in a sentence; empty where it was quiet or nothing is known."""
    bleu: float | None = None
    """0 to 100, on the test part; None where it was not asked for or not measured."""
    chrf: float | None = None
    max_padded_tokens: int | None = None
    """Of the step with the most: source and target, padding included."""
    wall_seconds: float | None = None
    """From being made ready to the last step's end, by a clock that nobody sets; None of a run
    that was resumed."""


@dataclass(frozen=True)
class Run:
    id: int
    name: str
    state: RunState
    config: TrainConfig
    environment: dict[str, Any]
    created_at: float
    """Unix seconds, like the two below."""
    started_at: float | None
    finished_at: float | None
    message: str
    """Why the run failed, in one sentence; of one that did not, what is to be known of how it was
    computed, and mostly empty."""
    details: str
    """The traceback of a failure."""
    device: str
    """The device it trained on; empty before it starts."""
    iterations_done: int
    summary: Summary | None
    machine_before: MachineState | None = None
    machine_after: MachineState | None = None
    notes: str = ""
    """The user's own, and so the tags."""
    tags: tuple[str, ...] = ()
    archived_at: float | None = None
    """Unix seconds, like the next; lists leave such a run out until they are asked for it."""
    deleted_at: float | None = None
    """Hidden everywhere; it can be brought back until it is purged."""
    resumed_at: tuple[int, ...] = ()
    """Iterations from which it went on after an interruption."""
    dismissed: bool = False
    """Interrupted, and the user does not want it resumed."""


@dataclass(frozen=True)
class SweepPart:
    """One combination of a sweep in one repeat."""

    engine: Engine
    batch_size: int
    repeat: int
    """Counted from 0."""
    run: Run | None
    """None: it waits for its turn."""

    def is_done(self) -> bool:
        """Its run is a result; one that was stopped or interrupted is done again from its start."""
        again = (RunState.STOPPED, RunState.INTERRUPTED)
        return self.run is not None and self.run.state.is_finished() and self.run.state not in again


@dataclass(frozen=True)
class StepMemory:
    """What training takes at a batch size, from its first steps in a process of their own."""

    engine: Engine
    batch_size: int
    peak_bytes: int | None
    """The most that the process grew over its own start, model, optimizer and corpus included;
    None: not told, or the steps failed."""
    padded_tokens: int | None
    """Of the step with the most: source and target, padding included."""


class SweepState(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"
    """Parts are left, and no process does them."""
    FINISHED = "finished"


@dataclass(frozen=True)
class Sweep:
    id: int
    config: SweepConfig
    created_at: float
    """Unix seconds."""
    state: SweepState
    parts: tuple[SweepPart, ...]
    """In the order of their turn. Until memory ends: as far as it is known yet."""
    memory: tuple[StepMemory, ...] = ()
    """Of each engine and batch size measured so far; only of sweeps on a processor."""
    name: str = ""
    """The user's own, as the notes are."""
    notes: str = ""
    deleted_at: float | None = None
    """Unix seconds; hidden everywhere with its runs, and brought back with them until a purge."""

    def done(self) -> int:
        """Parts that have a result."""
        return sum(part.is_done() for part in self.parts)


@dataclass(frozen=True)
class TranslatedWord:
    text: str
    probability: float


@dataclass(frozen=True)
class Translation:
    source: str
    text: str
    words: tuple[TranslatedWord, ...]
    unknown_words: tuple[str, ...]
    """Words of the source that the model's vocabulary lacks."""
    seconds: float
    finished: bool
    """False where the output was cut at the length limit before EOS."""


@dataclass(frozen=True)
class BenchRow:
    """One combination of engine, precision and batch size, timed in rounds beside the others.

    A figure of several rounds is their median. None: not measured.
    """

    engine: str
    precision: str
    batch_size: int
    rounds: int
    steps: int
    """Timed ones of all rounds."""
    samples_per_second: float | None
    """Of a round: the samples of its timed steps over their wall time."""
    samples_per_second_iqr: float | None
    """Between the rounds."""
    noise: str | None
    """Of the rounds: empty, `noisy` (IQR above 10 % of the median), `very noisy` (25 %)."""
    tokens_per_second: float | None
    """Real source and target tokens."""
    target_tokens_per_second: float | None
    step_seconds: float | None
    """The median step's; batches differ in length, so this is no batch size over samples/s."""
    padding_ratio: float | None
    """Of the computed cells."""
    peak_memory_bytes: int | None
    """What training takes: on a GPU torch's peak, on a CPU that of its first steps in a process of
    their own (see StepMemory)."""
    roofline_seconds: float | None
    """The least time a step's arithmetic and bytes need, at rates measured in the same round."""
    roofline_share: float | None
    """The floor over the mean step's time."""
    warmup_steps: int
    warmup_seconds: float


@dataclass(frozen=True)
class BenchReport:
    at: float
    """Unix seconds at which it ended."""
    command: str
    corpus: str
    machine: dict[str, Any]
    rows: tuple[BenchRow, ...]
    copy_rate_bytes: float | None
    """Bytes a second, read and write both counted."""
    notes: tuple[str, ...]
    """What was left out, and why; each a sentence."""
    complete: bool
    """False where it was broken off."""
