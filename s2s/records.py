"""Records that all packages exchange: corpora, runs, steps, evaluations, sweeps, translations.

Times are Unix seconds, shares are from 0 to 1, and a reading that is not available is `None`.
"""

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

    def has_ended(self) -> bool:
        """Return whether the run has ended, for whatever reason."""
        return self not in (RunState.QUEUED, RunState.RUNNING, RunState.STOPPING)


class RemarkKind(StrEnum):
    """Kinds of remarks on how a run was computed or how it ended."""

    SLOW_KERNELS = "slow kernels"
    COMPUTED_BY_FUSED = "computed by fused"
    STORE_UNAVAILABLE = "store unavailable"
    CHECKPOINT_NOT_WRITTEN = "checkpoint not written"
    WEIGHTS_KEPT = "weights kept"
    """A diverged run kept its last finite weights."""
    LOST_GPU = "lost GPU"
    """An error made the GPU unusable for this process."""
    SHUT_DOWN = "shut down"
    NO_CHECKPOINT = "no checkpoint"
    """The program was closed before the run's first checkpoint."""
    OWNER_DIED = "owner died"
    CANNOT_RESUME = "cannot resume"
    QUALITY_NOT_MEASURED = "quality not measured"
    """`detail` is empty if the run was stopped before the measurement."""


@dataclass(frozen=True)
class Remark:
    """A remark on a run; `text.run` puts it into words."""

    kind: RemarkKind
    detail: str = ""
    """The reason, or the device if the kind is LOST_GPU."""
    number: float | None = None
    """STORE_UNAVAILABLE: seconds. CHECKPOINT_NOT_WRITTEN: iteration. SHUT_DOWN: sweep id."""


@dataclass(frozen=True)
class CorpusInfo:
    """Description of a prepared corpus. It can be read without loading the corpus's arrays."""

    name: str
    choices: CorpusChoices
    content_sha256: str
    source_language: str
    target_language: str
    attribution: str
    pairs_read: int
    """Lines with text in two columns."""
    pairs_kept: int
    """Pairs within the length limit."""
    bad_lines: int
    bad_line_numbers: tuple[int, ...]
    """Numbers of the first hundred bad lines. The first line of the file is line 1."""
    source_words: int
    """Distinct words in all pairs within the length limit."""
    target_words: int
    source_vocabulary: int
    """Number of words that the model knows: those of the training split, and special symbols."""
    target_vocabulary: int
    training_pairs: int
    validation_pairs: int
    test_pairs: int
    seconds: float
    """Wall time of preparing the corpus."""


PHASES = ("data", "forward", "backward", "optimizer")
"""Phases of a step, in order. `fused` computes the output layer's gradients in forward."""

STEP_DTYPE = np.dtype(
    [
        ("iteration", np.int64),  # counted from 1; a continued run continues the count
        ("loss_sum", np.float64),  # sum over the target tokens, padding excluded, in nats
        ("samples", np.int32),  # sentence pairs in the batch
        ("source_tokens", np.int32),  # real tokens, EOS included
        ("target_tokens", np.int32),
        ("padded_tokens", np.int32),  # positions of both sides, padding included
        ("seconds", np.float64),  # wall time of the step, its data included
        ("timed", np.bool_),  # False for warm-up and interfered steps
        ("data_seconds", np.float32),  # time of each phase; NaN: not measured
        ("forward_seconds", np.float32),
        ("backward_seconds", np.float32),
        ("optimizer_seconds", np.float32),
        ("interfered", np.bool_),  # this process translated meanwhile, so not timed
    ]
)
"""Columns of the stored steps. New columns go to the end: older records stay readable."""


@dataclass
class StepRecord:
    """One optimizer step, as in `STEP_DTYPE`; `loss_sum` may still be a tensor on the device."""

    iteration: int
    loss_sum: Any
    samples: int
    source_tokens: int
    target_tokens: int
    padded_tokens: int
    seconds: float
    timed: bool
    phase_seconds: tuple[float, ...]
    """One time per phase; NaN if not measured."""
    interfered: bool = False


@dataclass(frozen=True)
class SampleTranslation:
    """One evaluation's translation of a sentence that every evaluation of the run translates."""

    source: str
    reference: str
    """Empty for a sentence that the user entered."""
    output: str


@dataclass(frozen=True)
class Evaluation:
    """An evaluation after an iteration, outside the timed part of the run."""

    iteration: int
    training_seconds: float
    """Wall time of all steps so far, warm-up included."""
    validation_loss_per_token: float | None
    """`None` for a corpus without a validation split."""
    translations: tuple[SampleTranslation, ...]


@dataclass(frozen=True)
class DeviceSample:
    """One reading of one device."""

    at: float
    device: str
    """`cpu` or `cuda:N`."""
    utilization: float | None
    """Share of the GPU that all programs use, or share of all CPU cores that this process uses."""
    memory_used_bytes: int | None
    """GPU memory used by all programs, or resident memory of this process."""
    memory_total_bytes: int | None
    temperature_celsius: float | None
    torch_allocated_bytes: int | None = None
    """GPU memory in the run's tensors."""
    other_load_cores: float | None = None
    """CPU cores that other programs kept busy since the previous reading, on average."""
    throttled: bool | None = None
    """Whether heat or the power supply slowed the GPU down."""


@dataclass(frozen=True)
class MachineState:
    """State of the machine right before or after a run."""

    at: float
    load_average: float | None
    """Over one minute, this process included."""
    other_load_cores: float | None
    """CPU cores that other programs kept busy. In the state before the run: during its preparation.
    In the state after the run: during the whole run."""
    processor_mhz: float | None
    processor_celsius: float | None
    gpu_sm_mhz: int | None = None
    """Clock of the multiprocessors; this field and those below are `None` on a CPU."""
    gpu_memory_mhz: int | None = None
    gpu_celsius: float | None = None
    gpu_watts: float | None = None
    gpu_throttle_reasons: tuple[str, ...] | None = None
    """Why the driver limits the clocks; empty if it does not."""
    gpu_other_processes: tuple[tuple[int, int | None], ...] | None = None
    """Process id and memory in bytes of every other program that computes on the GPU."""


@dataclass(frozen=True)
class Interference:
    """Other load on the machine during a run."""

    other_load_cores: float | None
    """CPU cores that other programs kept busy, on average."""
    cores: int
    gpu_process_ids: tuple[int, ...]
    """Other programs that computed on the GPU before or after the run."""
    throttled_share: float | None
    """Share of the readings in which heat or the power supply slowed the GPU down."""


@dataclass(frozen=True)
class Summary:
    """Results of a run. Training losses are means per token or sentence over its last 50 steps."""

    run_id: int
    state: RunState
    engine: str
    batch_size: int
    iterations: int
    samples: int
    seconds: float
    """Wall time of all steps, warm-up included, evaluations and checkpoints excluded."""
    user_seconds: float | None
    """CPU time of this process since the run was last started or resumed."""
    system_seconds: float | None
    samples_per_second: float | None
    """Samples of the timed steps over their wall time; `None` without timed steps."""
    target_tokens_per_second: float | None
    padding_ratio: float | None
    """Padding as a share of all positions of both sides."""
    loss_per_sentence: float | None
    loss_per_token: float | None
    validation_loss_per_token: float | None
    peak_memory_bytes: int | None
    """On a GPU torch's peak. On a CPU the process's largest resident size, read once per second;
    it includes memory that earlier runs of the process left."""
    interference: Interference
    step_seconds: float | None = None
    """Median of the timed steps."""
    step_relative_iqr: float | None = None
    """Variation of step time between sections of the run: interquartile range divided by median."""
    warmup_steps: int | None = None
    warmup_seconds: float | None = None
    interfered_steps: int | None = None
    """Steps excluded from timing because this process translated during them."""
    interfered_seconds: float | None = None
    phase_seconds: dict[str, float] | None = None
    """Median time of each phase, and of the time between two steps (key `between`)."""
    bleu: float | None = None
    """On the test split, 0 to 100."""
    chrf: float | None = None
    max_padded_tokens: int | None = None
    """Largest number of padded tokens in a step, both sides."""
    wall_seconds: float | None = None
    """Time from the start of preparation to the last step; `None` for a resumed run."""


@dataclass(frozen=True)
class Run:
    """A run and its results so far."""

    id: int
    name: str
    state: RunState
    config: TrainConfig
    environment: dict[str, Any]
    created_at: float
    started_at: float | None
    finished_at: float | None
    device: str
    """Device that trains the run; empty before it starts."""
    iterations_done: int
    summary: Summary | None
    remarks: tuple[Remark, ...] = ()
    error: str = ""
    """Message of the exception that ended the run."""
    traceback: str = ""
    machine_before: MachineState | None = None
    machine_after: MachineState | None = None
    notes: str = ""
    tags: tuple[str, ...] = ()
    archived_at: float | None = None
    deleted_at: float | None = None
    """A deleted run is hidden and can be restored until it is purged."""
    resumed_at: tuple[int, ...] = ()
    """Iterations from which the run was resumed after an interruption."""
    dismissed: bool = False
    """Whether the user declined to resume the interrupted run."""


@dataclass(frozen=True)
class SweepPart:
    """One run of a sweep: one engine and batch size in one repeat."""

    engine: Engine
    batch_size: int
    repeat: int
    """Counted from 0."""
    run: Run | None
    """`None` before the run is created."""

    def is_done(self) -> bool:
        """Return whether the run has ended with a result or an error.

        A stopped or interrupted run is not done: the sweep resumes it or starts it again.
        """
        unfinished = (RunState.STOPPED, RunState.INTERRUPTED)
        run = self.run
        return run is not None and run.state.has_ended() and run.state not in unfinished


@dataclass(frozen=True)
class StepMemory:
    """Memory of training at a batch size, measured on its first steps in a separate process."""

    engine: Engine
    batch_size: int
    peak_bytes: int | None
    """Largest growth of the process's memory since its start: model, optimizer and corpus."""
    padded_tokens: int | None
    """Largest number of padded tokens in a step, source and target."""


class SweepState(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"
    """Some parts remain, and no process is running them."""
    FINISHED = "finished"


@dataclass(frozen=True)
class Sweep:
    """A sweep and its results so far."""

    id: int
    config: SweepConfig
    created_at: float
    state: SweepState
    parts: tuple[SweepPart, ...]
    """In execution order. A sweep that grows until out of memory lists only those reached."""
    memory: tuple[StepMemory, ...] = ()
    """One record per engine and batch size measured so far; empty on a GPU."""
    name: str = ""
    notes: str = ""
    deleted_at: float | None = None
    """A deleted sweep is hidden with its runs, and restored or purged with them."""

    def count_done_parts(self) -> int:
        return sum(part.is_done() for part in self.parts)

    def build_run_config(self, part: SweepPart) -> TrainConfig:
        return self.config.build_run_config(part.engine, part.batch_size, part.repeat)


@dataclass(frozen=True)
class TranslatedWord:
    text: str
    probability: float


@dataclass(frozen=True)
class Translation:
    """A sentence translated by a trained model."""

    source: str
    text: str
    words: tuple[TranslatedWord, ...]
    unknown_words: tuple[str, ...]
    """Words of the source that are not in the model's vocabulary."""
    seconds: float
    finished: bool
    """True if the text ended with EOS, False if the length limit cut it off."""
