"""What a user can choose: frozen, validated, documented fields."""

import dataclasses
import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from s2s.validation import Checked, choice, number, quoted, text, truth, whole
from s2s.validation import UserError as UserError

UNLIMITED = 100_000_000
"""Iterations of a run that its time limit is meant to end."""
LARGEST_BATCH = 65_536
MOST_EVALUATIONS = 40
"""Of a part of a sweep, those before its first step and after its last left out."""
EVALUATION_SAMPLES = 1024
"""Least samples between two evaluations of a sweep: twice the pairs that an evaluation takes, which
it only passes forward, so that evaluating stays well below the training in time."""


class Engine(StrEnum):
    """How a step is computed: the same model, other amounts of overhead and of padding."""

    ARTICLE = "article"
    """Token by token, the encoder too through joint padding, as the article does."""
    FUSED = "fused"
    """One recurrent call a side; projection and loss at real positions only."""
    GRAPHED = "graphed"
    """As `fused` but padded to a few shapes, each step one launch of a captured CUDA graph; where
    that is not possible `fused` computes, and the run's message says why. Not yet measured."""


class OptimizerName(StrEnum):
    RMSPROP = "rmsprop"
    ADAM = "adam"
    SGD = "sgd"


class Precision(StrEnum):
    FP32 = "fp32"
    TF32 = "tf32"
    """On a GPU only: float32 products whose factors are rounded to 10 bits of mantissa."""
    BF16 = "bf16"
    """The output projection's products in bfloat16, everything else in float32; on a GPU the
    other products in tf32."""


class RateRule(StrEnum):
    """How the learning rate follows the batch size."""

    CONSTANT = "constant"
    """The same for all, as in the article."""
    SQRT = "sqrt"
    """For RMSprop and Adam (Malladi et al. 2022, arXiv 2205.10287; their betas stay here)."""
    LINEAR = "linear"
    """For SGD (Goyal et al. 2017, arXiv 1706.02677)."""

    def factor(self, ratio: float) -> float:
        """What the rate is multiplied by where the batch size is `ratio` times the base's."""
        exponents = {RateRule.CONSTANT: 0.0, RateRule.SQRT: 0.5, RateRule.LINEAR: 1.0}
        return float(ratio ** exponents[self])


class Budget(StrEnum):
    """What all parts of a sweep get the same amount of."""

    ITERATIONS = "iterations"
    SAMPLES = "samples"
    SECONDS = "seconds"
    """Training time."""
    TARGET = "target"
    """Until a validation loss is reached; the amount is a limit of samples."""


class Normalizer(StrEnum):
    UNICODE = "unicode"
    """Keeps every script's letters and digits."""
    ARTICLE = "article"
    """Plain ASCII letters and `.!?`, as the article does, its defects included."""


class Direction(StrEnum):
    """Which columns of a corpus file are translated from and to."""

    SECOND_TO_FIRST = "second-to-first"
    FIRST_TO_SECOND = "first-to-second"


@dataclass(frozen=True, kw_only=True)
class CorpusChoices(Checked):
    """How a corpus file is read. A corpus's name stands for one file with one set of these."""

    normalizer: Normalizer = Normalizer.UNICODE
    direction: Direction = Direction.SECOND_TO_FIRST
    max_length: int = 19
    """Pairs with a side of more words than this are left out (the article keeps up to 19)."""
    min_count: int = 1
    """Words seen less often in the training part become UNK."""
    max_vocabulary: int = 0
    """Words a side that the model knows at most, the most frequent first; 0: no limit."""

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "normalizer", choice(Normalizer, self.normalizer, "The normalizer"))
        set_(self, "direction", choice(Direction, self.direction, "The direction"))
        whole(self.max_length, "The maximum length", 1, 1000)
        whole(self.min_count, "The minimum count", 1, 1_000_000)
        whole(self.max_vocabulary, "The maximum vocabulary", 0, 10_000_000)


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Checked):
    """One run. The defaults are the article's model and optimizer on the starter corpus."""

    corpus: str = "starter"
    batch_size: int = 32
    """Sentences a step."""
    iterations: int = 1000
    """Optimizer steps."""
    max_seconds: float = 0.0
    """Training time (evaluation left out) after which the run finishes early; 0: no limit."""
    engine: Engine = Engine.FUSED
    hidden_size: int = 128
    """Width of embeddings and GRU states."""
    layers: int = 1
    """GRU layers a side."""
    dropout: float = 0.2
    """Share of embedding values set to zero while training."""
    optimizer: OptimizerName = OptimizerName.RMSPROP
    learning_rate: float = 1e-3
    momentum: float = 0.9
    """Of RMSprop and SGD; Adam uses its own default betas."""
    teacher_forcing: float = 1.0
    """Chance that a batch is decoded along the reference instead of the model's own words."""
    length_pool: int = 0
    """Batches drawn at once and cut by length, which saves padding and changes what stands beside
    what in a batch; 0: every batch drawn by itself, as the article does."""
    seed: int = 0
    device: str = "auto"
    """`auto` (the GPU where there is one, else the CPU), `cpu`, or `cuda:N`."""
    precision: Precision = Precision.FP32
    threads: int = 0
    """Processor threads torch may use; 0: torch's own choice."""
    evaluate_every: int = 0
    """Iterations between evaluations; 0: about ten evaluations a run."""
    target_loss: float = 0.0
    """Validation loss per token at which, or below, the run finishes early; 0: none."""
    sentences: tuple[str, ...] = ()
    """The user's own sentences, translated at each evaluation."""
    measure_quality: bool = False
    """Translate the corpus's test part after the last step; BLEU and chrF go into the summary."""
    keep_optimizer: bool = False
    """Keep the optimizer's state after the run, so that training can go on exactly."""
    keep_weights: bool = True
    """Without them a run takes no room on disk, and can neither translate nor train on."""
    continues: int | None = None
    """The run whose weights this one starts from."""

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "engine", choice(Engine, self.engine, "The engine"))
        set_(self, "optimizer", choice(OptimizerName, self.optimizer, "The optimizer"))
        set_(self, "precision", choice(Precision, self.precision, "The precision"))
        if not isinstance(self.sentences, list | tuple):
            raise UserError(f"The sentences are a list of texts; got {quoted(self.sentences)}.")
        set_(self, "sentences", tuple(text(each, "A sentence") for each in self.sentences))
        text(self.corpus, "The corpus")
        whole(self.batch_size, "The batch size", 1, LARGEST_BATCH)
        whole(self.iterations, "The number of iterations", 1, UNLIMITED)
        number(self.max_seconds, "The time limit in seconds", 0.0, 1e7)
        whole(self.hidden_size, "The hidden size", 1, 8192)
        whole(self.layers, "The number of layers", 1, 8)
        number(self.dropout, "The dropout", 0.0, 0.95)
        number(self.learning_rate, "The learning rate", 0.0, 100.0, above_least=True)
        number(self.momentum, "The momentum", 0.0, 0.999)
        number(self.teacher_forcing, "Teacher forcing", 0.0, 1.0)
        whole(self.length_pool, "The length pool", 0, 1000)
        whole(self.seed, "The seed", 0, 2**31 - 1)
        whole(self.threads, "The number of threads", 0, 1024)
        whole(self.evaluate_every, "The evaluation interval", 0, 100_000_000)
        number(self.target_loss, "The target loss", 0.0, 1000.0)
        truth(self.measure_quality, "Measuring the quality")
        truth(self.keep_optimizer, "Keeping the optimizer's state")
        truth(self.keep_weights, "Keeping the weights")
        if self.keep_optimizer and not self.keep_weights:
            raise UserError("The optimizer's state is kept only beside the weights; keep both.")
        if self.measure_quality and not self.keep_weights:
            raise UserError("The quality is measured with the weights that are kept; keep them.")
        if self.continues is not None:
            whole(self.continues, "The run to go on from", 1, 2**63 - 1)
        if not re.fullmatch(
            r"auto|cpu|cuda|cuda:(0|[1-9][0-9]{0,2})", text(self.device, "The device")
        ):
            raise UserError(f"The device is auto, cpu or cuda:N; got {quoted(self.device)}.")
        if self.precision is not Precision.FP32 and self.engine is Engine.ARTICLE:
            raise UserError("The article engine computes in fp32 only; choose the fused engine.")
        if len(self.sentences) > 20 or any(len(text) > 1000 for text in self.sentences):
            raise UserError("At most 20 sentences of 1,000 characters can be followed in a run.")

    def step_kind(self) -> tuple[object, ...]:
        """All that a step's time depends on, the batch size and the device left out."""
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


@dataclass(frozen=True, kw_only=True)
class SweepConfig(Checked):
    """Runs that differ in batch size, engine and seed only, so that they can be compared."""

    base: TrainConfig = TrainConfig()
    """What all parts share. Its learning rate is the one for its own batch size, and its seed is
    the first repeat's; its engine and limits are set by what follows, and so is how often a part is
    evaluated unless all get the same iterations and the base says it."""
    batch_sizes: tuple[int, ...] = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
    grow_until_oom: bool = False
    """After the largest size go on doubling until a run ends out of memory. Meant for a GPU: on a
    processor the system may swap, or end the program, before a run is told."""
    engines: tuple[Engine, ...] = (Engine.FUSED,)
    repeats: int = 3
    """Runs of each combination, with seeds that follow the base's."""
    rule: RateRule = RateRule.CONSTANT
    budget: Budget = Budget.SAMPLES
    amount: float = 100_000
    """Of each part: iterations, samples or seconds, as the budget says."""
    target_loss: float = 0.0
    """Validation loss per token that a part is to reach; with the budget `target` only."""
    keep_all_weights: bool = False
    """Otherwise only the first repeat's are kept."""

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "rule", choice(RateRule, self.rule, "The learning-rate rule"))
        set_(self, "budget", choice(Budget, self.budget, "The budget"))
        if not isinstance(self.base, TrainConfig):
            raise UserError(
                f"The base of a sweep is a run's configuration; got {quoted(self.base)}."
            )
        for name, title in (("batch_sizes", "batch sizes"), ("engines", "engines")):
            values = getattr(self, name)
            if not isinstance(values, list | tuple) or not values:
                raise UserError(
                    f"The {title} of a sweep are a list of at least one; got {quoted(values)}."
                )
        for size in self.batch_sizes:
            whole(size, "A batch size", 1, LARGEST_BATCH)
        engines = [choice(Engine, engine, "The engine") for engine in self.engines]
        set_(self, "batch_sizes", tuple(sorted(set(self.batch_sizes))))
        set_(self, "engines", tuple(dict.fromkeys(engines)))
        truth(self.grow_until_oom, "Growing until memory ends")
        truth(self.keep_all_weights, "Keeping all weights")
        whole(self.repeats, "The number of repeats", 1, 100)
        self._check_budget()
        for engine in self.engines:  # each is a run that can be, or a sentence why not
            for size in self.batch_sizes:
                self.run_config(engine, size, self.repeats - 1)

    def _check_budget(self) -> None:
        set_ = object.__setattr__
        if self.budget is Budget.SECONDS:
            set_(self, "amount", number(self.amount, "The seconds", 0.0, 1e7, above_least=True))
        else:
            kind = "iterations" if self.budget is Budget.ITERATIONS else "samples"
            whole(self.amount, f"The number of {kind}", 1, UNLIMITED)
        number(self.target_loss, "The target loss", 0.0, 1000.0)
        if (self.budget is Budget.TARGET) is not (self.target_loss > 0):
            raise UserError("A target loss above 0 and the budget 'target' go together; give both.")
        largest = self.batch_sizes[-1]
        if self._samples is not None and largest > self._samples:
            raise UserError(
                f"Batch size {largest:,} is more than the {self.amount:,} samples of a part; "
                "give more samples or smaller sizes."
            )

    @property
    def _samples(self) -> int | None:
        """Of each part, where its budget counts them."""
        return int(self.amount) if self.budget in (Budget.SAMPLES, Budget.TARGET) else None

    def run_config(self, engine: Engine, batch_size: int, repeat: int) -> TrainConfig:
        """The run that a part is; `repeat` counts from 0. UserError where there can be none."""
        weights = self.keep_all_weights or repeat == 0
        return dataclasses.replace(
            self.base,
            engine=engine,
            batch_size=batch_size,
            seed=self.base.seed + repeat,
            learning_rate=self.base.learning_rate
            * self.rule.factor(batch_size / self.base.batch_size),
            iterations=self._iterations(batch_size),
            max_seconds=self.amount if self.budget is Budget.SECONDS else 0.0,
            target_loss=self.target_loss,
            evaluate_every=self._evaluate_every(batch_size),
            keep_weights=weights,
            keep_optimizer=self.base.keep_optimizer and weights,
            measure_quality=self.base.measure_quality and weights,
        )

    def _iterations(self, batch_size: int) -> int:
        """At least as many samples as the budget says, by less than a batch more."""
        if self._samples is not None:
            return math.ceil(self._samples / batch_size)
        return UNLIMITED if self.budget is Budget.SECONDS else int(self.amount)

    def _evaluate_every(self, batch_size: int) -> int:
        """Iterations; 0, tenths of the run, where only its time is known beforehand.

        With samples as budget every size is evaluated after about equally many: a size evaluated
        more often would have more chances to be seen at its target.
        """
        if self.budget is Budget.SECONDS:
            return 0
        if self._samples is None:
            if self.base.evaluate_every:
                return self.base.evaluate_every
            rarest = math.ceil(self.amount / MOST_EVALUATIONS)
            return max(rarest, math.ceil(EVALUATION_SAMPLES / batch_size))
        apart = max(
            self._samples / MOST_EVALUATIONS, float(EVALUATION_SAMPLES), float(self.batch_sizes[-1])
        )
        return max(1, math.ceil(apart / batch_size))

    def larger_sizes(self) -> tuple[int, ...]:
        """What may follow the largest size until memory ends: as far as a run can be configured."""
        sizes: list[int] = []
        size = 2 * self.batch_sizes[-1]
        while self.grow_until_oom and size <= min(LARGEST_BATCH, self._samples or LARGEST_BATCH):
            try:
                self.run_config(self.engines[0], size, 0)
            except UserError:
                break
            sizes.append(size)
            size *= 2
        return tuple(sizes)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """As of every configuration."""
        if isinstance(values, dict) and isinstance(values.get("base"), dict):
            values = values | {"base": TrainConfig.from_json(values["base"])}
        return super().from_json(values)
