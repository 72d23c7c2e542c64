"""What a user can choose: frozen, validated, documented fields."""

import dataclasses
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self, TypeVar

E = TypeVar("E", bound=StrEnum)
UNLIMITED = 100_000_000
"""Iterations of a run that its time limit is meant to end."""


class UserError(Exception):
    """Something the user can put right; its text is one sentence that says what and how."""


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


class Normalizer(StrEnum):
    UNICODE = "unicode"
    """Keeps every script's letters and digits."""
    ARTICLE = "article"
    """Plain ASCII letters and `.!?`, as the article does, its defects included."""


class Direction(StrEnum):
    """Which columns of a corpus file are translated from and to."""

    SECOND_TO_FIRST = "second-to-first"
    FIRST_TO_SECOND = "first-to-second"


class _Checked:
    """Reading and writing as JSON for the frozen dataclasses below."""

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Unknown names are dropped, so that an older program reads a newer one's record."""
        names = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        return cls(**{name: value for name, value in values.items() if name in names})


def _choice(kind: type[E], value: str, name: str) -> E:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(member.value for member in kind)
        raise UserError(f"{name} is one of {known}; got {value!r}.") from None


def _whole(value: object, name: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise UserError(f"{name} is a whole number from {least:,} to {most:,}; got {value!r}.")
    return value


def _number(
    value: object, name: str, least: float, most: float, *, above_least: bool = False
) -> float:
    good = (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and least <= value <= most  # False for NaN
        and not (above_least and value == least)
    )
    if not good:
        kind = f"above {least:g} and at most" if above_least else f"from {least:g} to"
        raise UserError(f"{name} is a number {kind} {most:g}; got {value!r}.")
    return float(value)  # type: ignore[arg-type]


def _truth(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise UserError(f"{name} is true or false; got {value!r}.")
    return value


def _text(value: object, name: str) -> str:
    """Bytes that are no UTF-8 reach the command line as lone surrogates; no file takes those."""
    if not isinstance(value, str) or re.search("[\ud800-\udfff]", value):
        raise UserError(f"{name} is a text; got {value!r}.")
    return value


@dataclass(frozen=True, kw_only=True)
class CorpusChoices(_Checked):
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
        set_(self, "normalizer", _choice(Normalizer, self.normalizer, "The normalizer"))
        set_(self, "direction", _choice(Direction, self.direction, "The direction"))
        _whole(self.max_length, "The maximum length", 1, 1000)
        _whole(self.min_count, "The minimum count", 1, 1_000_000)
        _whole(self.max_vocabulary, "The maximum vocabulary", 0, 10_000_000)


@dataclass(frozen=True, kw_only=True)
class TrainConfig(_Checked):
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
    sentences: tuple[str, ...] = ()
    """The user's own sentences, translated at each evaluation."""
    measure_quality: bool = False
    """Translate the corpus's test part after the last step; BLEU and chrF go into the summary."""
    keep_optimizer: bool = False
    """Keep the optimizer's state after the run, so that training can go on exactly."""
    continues: int | None = None
    """The run whose weights this one starts from."""

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "engine", _choice(Engine, self.engine, "The engine"))
        set_(self, "optimizer", _choice(OptimizerName, self.optimizer, "The optimizer"))
        set_(self, "precision", _choice(Precision, self.precision, "The precision"))
        if not isinstance(self.sentences, list | tuple):
            raise UserError(f"The sentences are a list of texts; got {self.sentences!r}.")
        set_(self, "sentences", tuple(_text(each, "A sentence") for each in self.sentences))
        _text(self.corpus, "The corpus")
        _whole(self.batch_size, "The batch size", 1, 65_536)
        _whole(self.iterations, "The number of iterations", 1, UNLIMITED)
        _number(self.max_seconds, "The time limit in seconds", 0.0, 1e7)
        _whole(self.hidden_size, "The hidden size", 1, 8192)
        _whole(self.layers, "The number of layers", 1, 8)
        _number(self.dropout, "The dropout", 0.0, 0.95)
        _number(self.learning_rate, "The learning rate", 0.0, 100.0, above_least=True)
        _number(self.momentum, "The momentum", 0.0, 0.999)
        _number(self.teacher_forcing, "Teacher forcing", 0.0, 1.0)
        _whole(self.length_pool, "The length pool", 0, 1000)
        _whole(self.seed, "The seed", 0, 2**31 - 1)
        _whole(self.threads, "The number of threads", 0, 1024)
        _whole(self.evaluate_every, "The evaluation interval", 0, 100_000_000)
        _truth(self.measure_quality, "Measuring the quality")
        _truth(self.keep_optimizer, "Keeping the optimizer's state")
        if self.continues is not None:
            _whole(self.continues, "The run to go on from", 1, 2**63 - 1)
        if not re.fullmatch(
            r"auto|cpu|cuda|cuda:(0|[1-9][0-9]{0,2})", _text(self.device, "The device")
        ):
            raise UserError(f"The device is auto, cpu or cuda:N; got {self.device!r}.")
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
