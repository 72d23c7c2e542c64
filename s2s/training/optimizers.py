"""Optimizers: built from the configuration, and on a CPU with lazy updates of embeddings.

A batch uses a few hundred of several thousand words, but with momentum every row of an embedding
moves at every step. A row without gradients for k steps moves along a geometric series, so all its
steps can be taken at once before its next use, with the same result. With momentum mu, momentum
buffer b and square average v,

    W -= lr * b * (mu + mu**2 + ... + mu**k),   b *= mu**k,   v *= alpha**k.
"""

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import ParamsT

from s2s.config import Engine, OptimizerName, TrainConfig

_ALPHA, _EPS = 0.99, 1e-8
"""Defaults of torch.optim.RMSprop."""
_LATE_STEP = torch.tensor(1e9)
"""Number of a step so late that AdamW's bias corrections are 1."""


def build_optimizer(
    config: TrainConfig, model: nn.Module, embeddings: Sequence[nn.Embedding]
) -> torch.optim.Optimizer:
    """Build the optimizer of all parameters.

    On a CPU embeddings get lazy updates, except under the article engine. On a GPU an update of all
    rows costs little. The graphed engine needs an optimizer that counts its steps on the device.
    """
    parameters = list(model.parameters())
    rate, momentum = config.learning_rate, config.momentum
    is_on_cpu = parameters[0].device.type == "cpu"
    is_lazy = is_on_cpu and config.engine is not Engine.ARTICLE
    capturable = not is_on_cpu and config.engine is Engine.GRAPHED
    match config.optimizer:
        case OptimizerName.RMSPROP if is_lazy:
            return LazyRMSprop(parameters, embeddings, lr=rate, momentum=momentum)
        case OptimizerName.RMSPROP:
            return torch.optim.RMSprop(
                parameters, lr=rate, momentum=momentum, capturable=capturable
            )
        case OptimizerName.ADAM if is_on_cpu:
            return RowsAdam(parameters, lr=rate, fused=True)
        case OptimizerName.ADAM:
            return torch.optim.Adam(parameters, lr=rate, fused=True, capturable=capturable)
        case OptimizerName.SGD if is_lazy:
            return LazySGD(parameters, embeddings, lr=rate, momentum=momentum)
        case OptimizerName.SGD:
            return torch.optim.SGD(parameters, lr=rate, momentum=momentum)


@dataclass(frozen=True)
class _Update:
    """The tensors of one parameter that a fused kernel updates."""

    parameter: Tensor
    weight: Tensor
    """The parameter itself, its transpose, or a copy of its rows that have a gradient."""
    gradient: Tensor
    state: dict[str, Tensor]
    """The optimizer's state, in the same layout as `weight`."""
    rows: Tensor | None = None
    """(U,) numbers of the copied rows; `None` if nothing was copied."""


class LazySGD(torch.optim.Optimizer):
    """torch.optim.SGD with lazy updates of embeddings, for one parameter group on the CPU.

    In training mode an embedding first updates the rows that it reads. In evaluation mode, and in
    its `state_dict()`, it returns updated rows but changes nothing, so evaluating a run does not
    change its rounding. The optimizer's `state_dict()` holds outdated rows and the number of steps
    they have missed, so resuming is exact. The state of torch's optimizer can be loaded as well.
    """

    def __init__(
        self, parameters: ParamsT, embeddings: Iterable[nn.Embedding], *, lr: float, momentum: float
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})
        self._numbers = {each: i for i, each in enumerate(self.param_groups[0]["params"])}
        self._step_count = 0
        self._lr = lr
        """Learning rate of the missed steps."""
        self._last_steps: dict[Tensor, Tensor] = {}
        """For each embedding's weight, the last step that each row has taken, (rows,)."""
        for embedding in embeddings:
            embedding.sparse = True
            weight = embedding.weight
            self._last_steps[weight] = torch.zeros(len(weight), dtype=torch.int64)
            embedding.register_forward_pre_hook(self._update_rows_before)
            embedding.register_forward_hook(self._correct_after)
            # Wrapped because torch sets an attribute on the hook.
            embedding.register_state_dict_post_hook(  # type: ignore[no-untyped-call]
                functools.partial(self._save_updated_rows)
            )

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Take one step with the current gradients, which may be overwritten."""
        (group,) = self.param_groups
        if group["lr"] != self._lr:
            for weight, last_steps in self._last_steps.items():
                self._catch_up(weight, (last_steps < self._step_count).nonzero().squeeze(1))
            self._lr = group["lr"]
        self._step_count += 1
        updates = [
            self._prepare_update(parameter, parameter.grad)
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        if updates:
            self._apply(updates, group["lr"], group["momentum"])
        for update in updates:
            if update.rows is not None:
                update.parameter.index_copy_(0, update.rows, update.weight)
                for name, values in update.state.items():
                    self.state[update.parameter][name].index_copy_(0, update.rows, values)

    def state_dict(self) -> dict[str, Any]:
        """Return torch's state, and the weight, missed steps and learning rate of embeddings."""
        saved = super().state_dict()
        for weight, last_steps in self._last_steps.items():
            saved["state"][self._numbers[weight]] = {
                **self.state[weight],
                "rows": weight.detach().clone(),
                "missed": self._step_count - last_steps,
                "rate": torch.tensor(self._lr, dtype=torch.float64),
            }
        return saved

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load state. The state of a lazy optimizer also sets the embeddings' weights."""
        super().load_state_dict(state_dict)
        for weight, last_steps in self._last_steps.items():
            last_steps.fill_(self._step_count)
            saved = state_dict["state"].get(self._numbers[weight], {})
            if "missed" in saved:
                weight.copy_(saved["rows"])
                last_steps -= saved["missed"]
                self._lr = float(saved["rate"])
                for name in ("rows", "missed", "rate"):
                    del self.state[weight][name]

    def _update_rows_before(self, embedding: Any, inputs: tuple[Tensor]) -> None:
        if embedding.training:
            self._catch_up(embedding.weight, torch.unique(inputs[0]))

    def _correct_after(
        self, embedding: Any, inputs: tuple[Tensor], outputs: Tensor
    ) -> Tensor | None:
        if embedding.training:
            return None
        return outputs - self._missed_movement(embedding.weight, inputs[0])

    def _save_updated_rows(
        self, embedding: Any, saved: dict[str, Any], prefix: str, *_: object
    ) -> None:
        weight = embedding.weight
        movement = self._missed_movement(weight, torch.arange(len(weight)))
        saved[f"{prefix}weight"] = weight.detach() - movement

    def _missed_movement(self, weight: Tensor, rows: Tensor) -> Tensor:
        """Return what the missed steps subtract from some rows of `weight`."""
        buffer = self.state.get(weight, {}).get("momentum_buffer")
        if buffer is None:
            return weight.new_zeros(())
        momentum: float = self.param_groups[0]["momentum"]
        missed = (self._step_count - self._last_steps[weight][rows]).unsqueeze(-1).to(weight.dtype)
        movement: Tensor = buffer[rows] * self._geometric_sum(momentum, momentum**missed)
        return movement

    def _geometric_sum(self, momentum: float, decayed: Tensor) -> Tensor:
        """Return lr * (mu + ... + mu**k), given mu**k."""
        return (1 - decayed).mul_(self._lr * momentum / (1 - momentum))

    @torch.no_grad()
    def _catch_up(self, weight: Tensor, rows: Tensor) -> None:
        """Take the missed steps of (U,) distinct rows."""
        state = self.state.get(weight)
        if not state:
            return
        last_steps = self._last_steps[weight]
        missed = (self._step_count - last_steps.index_select(0, rows)).unsqueeze(1)
        missed = missed.to(weight.dtype)
        last_steps.index_fill_(0, rows, self._step_count)
        for name, decay in self._decays().items():
            values, decayed = state[name].index_select(0, rows), decay**missed
            if name == "momentum_buffer":
                updated = weight.index_select(0, rows)
                updated.addcmul_(values, self._geometric_sum(decay, decayed), value=-1)
                weight.index_copy_(0, rows, updated)
            state[name].index_copy_(0, rows, values.mul_(decayed))

    def _decays(self) -> dict[str, float]:
        """Return the factor of each state entry in a step without a gradient."""
        momentum = self.param_groups[0]["momentum"]
        return {"momentum_buffer": momentum} if momentum else {}

    def _prepare_update(self, parameter: Tensor, gradient: Tensor) -> _Update:
        state = self.state[parameter]
        for name in self._decays():
            if name not in state:
                state[name] = torch.zeros_like(parameter)
        if gradient.is_sparse:
            gradient = gradient.coalesce()
            rows = gradient._indices()[0]
            self._last_steps[parameter].index_fill_(0, rows, self._step_count)
            copies = {name: state[name].index_select(0, rows) for name in self._decays()}
            weight = parameter.index_select(0, rows)
            return _Update(parameter, weight, gradient._values(), copies, rows)
        if parameter.is_contiguous():
            return _Update(parameter, parameter, gradient, state)
        # Stored by columns. A fused kernel reads rows much faster.
        transposed = {name: values.t() for name, values in state.items()}
        return _Update(parameter, parameter.t(), gradient.t(), transposed)

    def _apply(self, updates: list[_Update], lr: float, momentum: float) -> None:
        torch._fused_sgd_(
            [update.weight for update in updates],
            [update.gradient for update in updates],
            [update.state["momentum_buffer"] for update in updates] if momentum else [],
            weight_decay=0.0,
            momentum=momentum,
            lr=lr,
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=False,
        )


class LazyRMSprop(LazySGD):
    """torch.optim.RMSprop (not centered) with lazy updates of embeddings."""

    def _decays(self) -> dict[str, float]:
        return {**super()._decays(), "square_avg": _ALPHA}

    def _apply(self, updates: list[_Update], lr: float, momentum: float) -> None:
        """Update in one pass over memory, with a kernel that torch has only for AdamW.

        Without a first moment and at a late step, AdamW maps a weight x with gradient g to
        (1 - rate * decay) * x - rate * g / (sqrt(v) + eps). A rate of -1 and a decay of
        momentum - 1 make this the update of a momentum buffer x.
        """
        weights = [update.weight for update in updates]
        gradients = [update.gradient for update in updates]
        updated, rate, decay = weights, lr, 0.0
        if momentum:
            updated = [update.state["momentum_buffer"] for update in updates]
            rate, decay = -1.0, momentum - 1
        torch._fused_adamw_(
            updated,
            gradients,
            gradients,
            [update.state["square_avg"] for update in updates],
            [],
            [_LATE_STEP] * len(updates),
            lr=rate,
            beta1=0.0,
            beta2=_ALPHA,
            weight_decay=decay,
            eps=_EPS,
            amsgrad=False,
            maximize=False,
        )
        if momentum:
            torch._foreach_add_(weights, updated, alpha=-lr)


class RowsAdam(torch.optim.Adam):
    """torch's Adam, applied to the transposes of parameters that are stored by columns.

    The fused kernel iterates over rows, and would take three times as long.
    """

    def _init_group(self, group: dict[str, Any], *lists: list[Tensor]) -> bool:
        any_complex: bool = super()._init_group(group, *lists)  # type: ignore[no-untyped-call]
        for tensors in lists:
            tensors[:] = [value if value.is_contiguous() else value.t() for value in tensors]
        return any_complex
