"""Optimizers: built from the configuration, and on a CPU with lazy updates of embeddings.

A batch uses a few hundred of several thousand words, but with momentum every row of an embedding
moves at every step. While a row has no gradient, its steps form a geometric series. So k missed
steps can be taken together, just before the row is used again, with the same result. With rows W,
learning rate lr, momentum mu, momentum buffer b, square average v and its decay alpha, they are

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
"""A step number so high that AdamW's bias corrections are 1."""


def build_optimizer(
    config: TrainConfig, model: nn.Module, embeddings: Sequence[nn.Embedding]
) -> torch.optim.Optimizer:
    """Build the optimizer of all parameters.

    On a CPU, RMSprop and SGD update embeddings lazily, except with the article engine. On a GPU it
    costs little to update all rows. A CUDA graph needs `capturable`: step counts on the device.
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
    """The tensors with which a fused kernel updates one parameter."""

    parameter: Tensor
    weight: Tensor
    """The parameter itself, its transpose, or a copy of its rows that have a gradient."""
    gradient: Tensor
    state: dict[str, Tensor]
    """The optimizer's state, in the same layout as `weight`."""
    rows: Tensor | None = None
    """(U,) indices of the copied rows, or `None` if nothing was copied."""


class LazySGD(torch.optim.Optimizer):
    """torch.optim.SGD with lazy updates of embeddings, for one parameter group on the CPU.

    In training mode an embedding first takes the missed steps of the rows that it reads. In
    evaluation mode, and in its `state_dict()`, it returns updated rows but stores nothing. So an
    evaluation does not change the rounding of later steps. The optimizer's `state_dict()` holds the
    rows as stored and their numbers of missed steps, so resuming is exact. A state of torch's own
    optimizer can be loaded too.
    """

    def __init__(
        self, parameters: ParamsT, embeddings: Iterable[nn.Embedding], *, lr: float, momentum: float
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})
        self._parameter_numbers = {each: i for i, each in enumerate(self.param_groups[0]["params"])}
        self._step_count = 0
        self._lr = lr
        """Learning rate of all missed steps."""
        self._last_steps: dict[Tensor, Tensor] = {}
        """By embedding weight: (rows,) number of the last step that each row has taken."""
        for embedding in embeddings:
            embedding.sparse = True
            weight = embedding.weight
            self._last_steps[weight] = torch.zeros(len(weight), dtype=torch.int64)
            embedding.register_forward_pre_hook(self._update_rows_before)
            embedding.register_forward_hook(self._correct_after)
            # Wrapped, because torch sets an attribute on the hook, which a bound method forbids.
            embedding.register_state_dict_post_hook(  # type: ignore[no-untyped-call]
                functools.partial(self._save_updated_rows)
            )

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Take one step with the current gradients. Their memory may be overwritten."""
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
        """Return torch's state and, for embeddings, weight, missed steps and learning rate."""
        saved = super().state_dict()
        for weight, last_steps in self._last_steps.items():
            saved["state"][self._parameter_numbers[weight]] = {
                **self.state[weight],
                "rows": weight.detach().clone(),
                "missed": self._step_count - last_steps,
                "rate": torch.tensor(self._lr, dtype=torch.float64),
            }
        return saved

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state. If it is of a lazy optimizer, it also sets the embeddings' weights."""
        super().load_state_dict(state_dict)
        for weight, last_steps in self._last_steps.items():
            last_steps.fill_(self._step_count)
            saved = state_dict["state"].get(self._parameter_numbers[weight], {})
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
        """Return what the missed steps of these rows would subtract from `weight`."""
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
        """Take the missed steps of the rows at (U,) distinct indices."""
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
        """Return the factor by which a step without a gradient scales each state entry."""
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
        # The parameter is stored by columns, and fused kernels are much faster on rows.
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
        """Update in one pass over memory, with AdamW's fused kernel. torch has none for RMSprop.

        With beta1 = 0 and at a late step, AdamW maps x to
        (1 - rate * decay) * x - rate * g / (sqrt(v) + eps) with gradient g and square average v.
        Rate -1 and decay momentum - 1 make this RMSprop's update of the momentum buffer x.
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
    """torch's Adam, which updates a parameter that is stored by columns as its transpose.

    The fused kernel iterates over rows. On columns it would take three times as long.
    """

    def _init_group(self, group: dict[str, Any], *lists: list[Tensor]) -> bool:
        any_complex: bool = super()._init_group(group, *lists)  # type: ignore[no-untyped-call]
        for tensors in lists:
            tensors[:] = [value if value.is_contiguous() else value.t() for value in tensors]
        return any_complex
