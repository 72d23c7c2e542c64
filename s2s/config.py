"""Configurations of corpora, runs and sweeps: everything that a user can choose."""

import dataclasses
import math
import re
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from s2s.errors import UserError, quote
from s2s.validation import check_bool, check_choice, check_integer, check_number, check_text

MAX_ITERATIONS = 100_000_000
"""Largest number of iterations. Runs of a sweep with the budget `seconds` have this many."""
MAX_BATCH_SIZE = 65_536
MAX_EVALUATIONS = 40
"""Largest number of evaluations per run of a sweep, besides the first and the last one."""
EVALUATION_SAMPLES = 1024
"""Fewest samples between two evaluations of a run, if the sweep chooses the interval. An evaluation
uses at most half as many, so it takes much less time than training."""


class Engine(StrEnum):
    """Implementation of a training step; all engines train the same model."""

    ARTICLE = "article"
    """Token by token, with both sides padded to one length, as in the article."""
    FUSED = "fused"
    """One recurrent call per side. Output projection and loss skip padding."""
    GRAPHED = "graphed"
    """Like `fused`, but replays each step as a CUDA graph of a fixed shape. If that is impossible,
    `fused` takes over, and a remark on the run says why."""


class OptimizerName(StrEnum):
    RMSPROP = "rmsprop"
    ADAM = "adam"
    SGD = "sgd"


class Precision(StrEnum):
    FP32 = "fp32"
    TF32 = "tf32"
    """GPU only: float32 matrix products whose factors are rounded to a 10-bit mantissa."""
    BF16 = "bf16"
    """Output projection in bfloat16, everything else in float32 (on a GPU: tf32)."""


class LearningRateRule(StrEnum):
    """Scaling of the learning rate with the batch size."""

    CONSTANT = "constant"
    """The same learning rate at all sizes, as in the article."""
    SQRT = "sqrt"
    """For RMSprop and Adam (Malladi et al. 2022, arXiv 2205.10287, without scaling the betas)."""
    LINEAR = "linear"
    """For SGD (Goyal et al. 2017, arXiv 1706.02677)."""

    def factor(self, ratio: float) -> float:
        """Return the factor for the learning rate when the batch size is multiplied by `ratio`."""
        exponents = {self.CONSTANT: 0.0, self.SQRT: 0.5, self.LINEAR: 1.0}
        return float(ratio ** exponents[self])


class Budget(StrEnum):
    """Unit of the budget that all runs of a sweep share."""

    ITERATIONS = "iterations"
    SAMPLES = "samples"
    SECONDS = "seconds"
    TARGET = "target"
    """Samples. A run ends earlier if it reaches its target validation loss."""


class Normalizer(StrEnum):
    UNICODE = "unicode"
    """Keep the letters and digits of every script."""
    ARTICLE = "article"
    """Keep ASCII letters and `.!?` only, exactly as the article does."""


class Direction(StrEnum):
    """Columns of the source and the target in a corpus file."""

    SECOND_TO_FIRST = "second-to-first"
    FIRST_TO_SECOND = "first-to-second"


class Config:
    """Base class of the configurations below: conversion to and from JSON."""

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Build a configuration from its JSON; ignore names that only a later version knows."""
        if not isinstance(values, dict):
            raise UserError(f"A configuration must be a JSON object; got {quote(values)}.")
        names = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        return cls(**{name: value for name, value in values.items() if name in names})

    def _set(self, name: str, value: object) -> None:
        """Replace a field of a frozen instance while it is being created."""
        object.__setattr__(self, name, value)


@dataclass(frozen=True, kw_only=True)
class CorpusChoices(Config):
    """Settings for the preparation of a corpus file."""

    normalizer: Normalizer = Normalizer.UNICODE
    direction: Direction = Direction.SECOND_TO_FIRST
    max_length: int = 19
    """Longest sentence in words (19 in the article); longer pairs are dropped."""
    min_count: int = 1
    """Words that occur less often in the training split become UNK."""
    max_vocabulary: int = 0
    """Largest number of words per side. The most frequent are kept. 0 for no limit."""

    def __post_init__(self) -> None:
        self._set("normalizer", check_choice(Normalizer, self.normalizer, "Normalizer"))
        self._set("direction", check_choice(Direction, self.direction, "Direction"))
        check_integer(self.max_length, "Maximum length", 1, 1000)
        check_integer(self.min_count, "Minimum count", 1, 1_000_000)
        check_integer(self.max_vocabulary, "Maximum vocabulary", 0, 10_000_000)


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Config):
    """Configuration of a run. Model, optimizer and learning rate default to the article's."""

    corpus: str = "starter"
    batch_size: int = 32
    iterations: int = 1000
    max_seconds: float = 0.0
    """Limit of training time, evaluations excluded; 0 for no limit."""
    engine: Engine = Engine.FUSED
    hidden_size: int = 128
    """Width of embeddings and GRU states."""
    layers: int = 1
    """GRU layers per side."""
    dropout: float = 0.2
    """Fraction of embedding values set to zero during training."""
    optimizer: OptimizerName = OptimizerName.RMSPROP
    learning_rate: float = 1e-3
    momentum: float = 0.9
    """Momentum of RMSprop and SGD; Adam uses its own default betas."""
    teacher_forcing: float = 1.0
    """Probability that a batch is decoded from the reference, not from the model's own output."""
    length_pool: int = 0
    """Number of batches to draw together and group by length, which saves padding. 0 draws each
    batch independently, as in the article."""
    seed: int = 0
    device: str = "auto"
    """`auto` (the first GPU, else the CPU), `cpu` or `cuda:N`."""
    precision: Precision = Precision.FP32
    threads: int = 0
    """CPU threads for torch; 0 for torch's default."""
    evaluate_every: int = 0
    """Iterations between evaluations; 0 for about ten evaluations per run."""
    target_loss: float = 0.0
    """Validation loss per token at which the run finishes early; 0 for no target."""
    sentences: tuple[str, ...] = ()
    """Sentences to translate at each evaluation."""
    measure_quality: bool = False
    """Translate the test split after the last step and add BLEU and chrF to the summary."""
    keep_optimizer: bool = False
    """Keep the optimizer state after the run, to continue the run exactly."""
    keep_weights: bool = True
    """Keep the weights after the run, to translate with them or continue the run."""
    continue_from: int | None = None
    """Id of the run whose weights this run starts from."""

    def __post_init__(self) -> None:
        self._set("engine", check_choice(Engine, self.engine, "Engine"))
        self._set("optimizer", check_choice(OptimizerName, self.optimizer, "Optimizer"))
        self._set("precision", check_choice(Precision, self.precision, "Precision"))
        self._set("sentences", _check_sentences(self.sentences))
        check_text(self.corpus, "Corpus")
        check_integer(self.batch_size, "Batch size", 1, MAX_BATCH_SIZE)
        check_integer(self.iterations, "Iterations", 1, MAX_ITERATIONS)
        check_number(self.max_seconds, "Time limit in seconds", 0.0, 1e7)
        check_integer(self.hidden_size, "Hidden size", 1, 8192)
        check_integer(self.layers, "Layers", 1, 8)
        check_number(self.dropout, "Dropout", 0.0, 0.95)
        check_number(self.learning_rate, "Learning rate", 0.0, 100.0, exclude_minimum=True)
        check_number(self.momentum, "Momentum", 0.0, 0.999)
        check_number(self.teacher_forcing, "Teacher forcing", 0.0, 1.0)
        check_integer(self.length_pool, "Length pool", 0, 1000)
        check_integer(self.seed, "Seed", 0, 2**31 - 1)
        check_integer(self.threads, "Threads", 0, 1024)
        check_integer(self.evaluate_every, "Evaluation interval", 0, 100_000_000)
        check_number(self.target_loss, "Target loss", 0.0, 1000.0)
        check_bool(self.measure_quality, "Measure quality")
        check_bool(self.keep_optimizer, "Keep optimizer")
        check_bool(self.keep_weights, "Keep weights")
        if self.continue_from is not None:
            check_integer(self.continue_from, "Run to continue", 1, 2**63 - 1)
        check_text(self.device, "Device")
        if not re.fullmatch(r"auto|cpu|cuda|cuda:(0|[1-9][0-9]{0,2})", self.device):
            raise UserError(f"Device must be auto, cpu, cuda or cuda:N; got {quote(self.device)}.")
        if self.keep_optimizer and not self.keep_weights:
            raise UserError("Keeping the optimizer state needs the weights; keep both.")
        if self.measure_quality and not self.keep_weights:
            raise UserError("Measuring quality needs the weights; keep them.")
        if self.precision is not Precision.FP32 and self.engine is Engine.ARTICLE:
            raise UserError("The article engine supports fp32 only. Use the fused engine.")

    def timing_key(self) -> tuple[object, ...]:
        """Return everything that the time of a step depends on, except batch size and device."""
        return (
            self.corpus,
            self.engine,
            self.hidden_size,
            self.layers,
            self.dropout > 0,
            self.optimizer,
            self.momentum > 0,
            self.teacher_forcing,
            self.precision,
            self.threads,
            self.length_pool,
        )


def _check_sentences(sentences: object) -> tuple[str, ...]:
    if not isinstance(sentences, list | tuple):
        raise UserError(f"Sentences must be a list of strings; got {quote(sentences)}.")
    texts = tuple(check_text(sentence, "Each sentence") for sentence in sentences)
    if len(texts) > 20 or any(len(text) > 1000 for text in texts):
        raise UserError("A run translates at most 20 sentences of up to 1,000 characters each.")
    return texts


@dataclass(frozen=True, kw_only=True)
class SweepConfig(Config):
    """Configuration of comparable runs. Their batch sizes, engines and seeds differ."""

    base: TrainConfig = TrainConfig()
    """Configuration that all runs share. Its learning rate is the one for its batch size, and its
    seed is the first repeat's. The fields below replace its engine, its limits and, unless the
    budget is `iterations`, its evaluation interval."""
    batch_sizes: tuple[int, ...] = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
    grow_until_oom: bool = False
    """After the largest size, double it until a run is out of memory. Meant for GPUs: on a CPU, the
    system may swap or kill the process first."""
    engines: tuple[Engine, ...] = (Engine.FUSED,)
    repeats: int = 3
    """Runs per engine and batch size, with consecutive seeds."""
    learning_rate_rule: LearningRateRule = LearningRateRule.CONSTANT
    budget: Budget = Budget.SAMPLES
    amount: float = 100_000
    """Budget per run, in iterations, samples or seconds."""
    target_loss: float = 0.0
    """Validation loss per token to reach; only with the budget `target`."""
    keep_all_weights: bool = False
    """Keep the weights of all repeats, not only of the first."""

    def __post_init__(self) -> None:
        rule = check_choice(LearningRateRule, self.learning_rate_rule, "Learning-rate scaling rule")
        self._set("learning_rate_rule", rule)
        self._set("budget", check_choice(Budget, self.budget, "Budget"))
        if not isinstance(self.base, TrainConfig):  # read from JSON
            self._set("base", TrainConfig.from_json(self.base))
        for name, values in (("Batch sizes", self.batch_sizes), ("Engines", self.engines)):
            if not isinstance(values, list | tuple) or not values:
                raise UserError(f"{name} must be a list that is not empty; got {quote(values)}.")
        for size in self.batch_sizes:
            check_integer(size, "Batch size", 1, MAX_BATCH_SIZE)
        engines = [check_choice(Engine, engine, "Engine") for engine in self.engines]
        self._set("batch_sizes", tuple(sorted(set(self.batch_sizes))))
        self._set("engines", tuple(dict.fromkeys(engines)))
        check_bool(self.grow_until_oom, "Grow until out of memory")
        check_bool(self.keep_all_weights, "Keep all weights")
        check_integer(self.repeats, "Repeats", 1, 100)
        self._check_budget()
        for engine in self.engines:  # raises UserError for an invalid configuration
            for size in self.batch_sizes:
                self.build_run_config(engine, size, self.repeats - 1)

    def _check_budget(self) -> None:
        if self.budget is Budget.SECONDS:
            seconds = check_number(self.amount, "Seconds per run", 0.0, 1e7, exclude_minimum=True)
            self._set("amount", seconds)
        else:
            unit = "Iterations" if self.budget is Budget.ITERATIONS else "Samples"
            check_integer(self.amount, f"{unit} per run", 1, MAX_ITERATIONS)
        check_number(self.target_loss, "Target loss", 0.0, 1000.0)
        if (self.budget is Budget.TARGET) is not (self.target_loss > 0):
            raise UserError(
                "The budget 'target' and a target loss above 0 go together; set both or neither."
            )
        largest = self.batch_sizes[-1]
        if self._is_in_samples and largest > self.amount:
            raise UserError(
                f"Batch size {largest:,} exceeds the budget of {self.amount:,} samples per run. "
                "Use more samples or smaller batch sizes."
            )

    @property
    def _is_in_samples(self) -> bool:
        return self.budget in (Budget.SAMPLES, Budget.TARGET)

    def build_run_config(self, engine: Engine, batch_size: int, repeat: int) -> TrainConfig:
        """Return the configuration of the run with this engine, batch size and repeat.

        Args:
            repeat: Counted from 0.

        Raises:
            UserError: The configuration is invalid, for example its learning rate.
        """
        keep_weights = self.keep_all_weights or repeat == 0
        factor = self.learning_rate_rule.factor(batch_size / self.base.batch_size)
        return dataclasses.replace(
            self.base,
            engine=engine,
            batch_size=batch_size,
            seed=self.base.seed + repeat,
            learning_rate=self.base.learning_rate * factor,
            iterations=self._iterations(batch_size),
            max_seconds=self.amount if self.budget is Budget.SECONDS else 0.0,
            target_loss=self.target_loss,
            evaluate_every=self._evaluate_every(batch_size),
            keep_weights=keep_weights,
            keep_optimizer=self.base.keep_optimizer and keep_weights,
            measure_quality=self.base.measure_quality and keep_weights,
        )

    def _iterations(self, batch_size: int) -> int:
        if self.budget is Budget.SECONDS:
            return MAX_ITERATIONS
        return math.ceil(self.amount / batch_size) if self._is_in_samples else int(self.amount)

    def _evaluate_every(self, batch_size: int) -> int:
        """Return the iterations between evaluations; 0 for about ten per run.

        With a budget of samples, all sizes are evaluated after about the same numbers of samples.
        A size that is evaluated more often would have more chances to reach the target.
        """
        if self.budget is Budget.SECONDS:
            return 0
        interval = self.amount / MAX_EVALUATIONS
        if self._is_in_samples:
            samples = max(interval, EVALUATION_SAMPLES, self.batch_sizes[-1])
            return math.ceil(samples / batch_size)
        min_iterations = EVALUATION_SAMPLES / batch_size
        return self.base.evaluate_every or math.ceil(max(interval, min_iterations))

    def larger_sizes(self) -> tuple[int, ...]:
        """Return the sizes to try after the largest one; none unless the sweep grows."""
        limit = min(MAX_BATCH_SIZE, self.amount) if self._is_in_samples else MAX_BATCH_SIZE
        sizes: list[int] = []
        size = 2 * self.batch_sizes[-1]
        with suppress(UserError):  # the scaled learning rate may become too large
            while self.grow_until_oom and size <= limit:
                self.build_run_config(self.engines[0], size, 0)
                sizes.append(size)
                size *= 2
        return tuple(sizes)
