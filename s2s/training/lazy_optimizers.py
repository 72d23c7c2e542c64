"""RMSprop and SGD that update an embedding's rows only when they are used, and are exact.

A batch uses a few hundred of several thousand words, but with momentum every row moves at every
step. A row without gradients for k steps moves along a geometric series, so all its steps can be
taken at once before its next use: with momentum buffer b and square average v,

    W -= lr * b * (mu + mu**2 + ... + mu**k),   b *= mu**k,   v *= alpha**k.
"""

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import ParamsT

Group = dict[str, Any]
Entries = dict[str, Tensor]
"""The optimizer's state of one parameter, or of some of its rows."""
_ALPHA, _EPS = 0.99, 1e-8
"""Defaults of torch.optim.RMSprop."""
_LATE_STEP = torch.tensor(1e9)


class LazySGD(torch.optim.Optimizer):
    """torch.optim.SGD, lazy in the rows of embeddings. One parameter group, on the CPU.

    Users of the model notice nothing. In training mode an embedding first updates the rows that it
    reads. In evaluation mode, and in its `state_dict()`, it returns updated rows but changes
    nothing, so evaluating a run does not change its rounding. The optimizer's `state_dict()` holds
    outdated rows and the number of steps they have missed, so resuming is exact. The optimizer can
    also load the state of torch.optim.SGD, but not vice versa.
    """

    def __init__(
        self, parameters: ParamsT, embeddings: Iterable[nn.Embedding], *, lr: float, momentum: float
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})
        self._steps = 0
        self._lr = lr
        """Learning rate of the missed steps."""
        self._last_steps: dict[Tensor, Tensor] = {}
        """By embedding weight: (rows,) the last step that each row has taken."""
        self._last_input: dict[Tensor, tuple[Tensor, Tensor, Tensor]] = {}
        """By embedding weight: words of the last input, distinct rows, and each word's row."""
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
        """Take one step with the current gradients, which it may overwrite."""
        (group,) = self.param_groups
        if group["lr"] != self._lr:
            for weight, last_steps in self._last_steps.items():
                self._catch_up(weight, (last_steps < self._steps).nonzero().squeeze(1))
            self._lr = group["lr"]
        self._steps += 1
        parts = [
            self._part_of_rows(parameter, group)
            if parameter.grad.is_sparse
            else _part_of_all(parameter, parameter.grad, self._entries(parameter, group))
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        if parts:
            self._update(parts, group)
        for part in parts:
            if part.whole is not None and part.rows is not None:
                part.whole.index_copy_(0, part.rows, part.weight)
                for name, entry in part.entries.items():
                    self.state[part.whole][name].index_copy_(0, part.rows, entry)

    def state_dict(self) -> dict[str, Any]:
        """Return torch's state, and per embedding `rows` (R, H), `missed` (R,) steps and `rate`."""
        saved = super().state_dict()
        for number, weight, last_steps in self._embeddings():
            saved["state"][number] = {
                **self.state[weight],
                "rows": weight.detach().clone(),
                "missed": self._steps - last_steps,
                "rate": torch.tensor(self._lr, dtype=torch.float64),
            }
        return saved

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load state; that of a lazy optimizer sets the embeddings' weights too."""
        super().load_state_dict(state_dict)
        for number, weight, last_steps in self._embeddings():
            last_steps.fill_(self._steps)
            saved = state_dict["state"].get(number, {})
            if "missed" in saved:
                weight.copy_(saved["rows"])
                last_steps -= saved["missed"]
                self._lr = float(saved["rate"])
                for name in ("rows", "missed", "rate"):
                    del self.state[weight][name]

    def _embeddings(self) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield each embedding's number among the parameters, weight and last steps of rows."""
        for number, parameter in enumerate(self.param_groups[0]["params"]):
            if parameter in self._last_steps:
                yield number, parameter, self._last_steps[parameter]

    def _update_rows_before(self, embedding: Any, inputs: tuple[Tensor]) -> None:
        if embedding.training:
            weight, (words,) = embedding.weight, inputs
            rows, places = torch.unique(words, return_inverse=True)
            self._last_input[weight] = words, rows, places.flatten()
            self._catch_up(weight, rows)

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
        """Return what the missed steps subtract from rows (...) of `weight`: (..., H)."""
        momentum: float = self.param_groups[0]["momentum"]
        buffer = self.state.get(weight, {}).get("momentum_buffer")
        if buffer is None:
            return weight.new_zeros(())
        missed = (self._steps - self._last_steps[weight][rows]).unsqueeze(-1).to(weight.dtype)
        movement: Tensor = buffer[rows] * self._geometric_sum(momentum, momentum**missed)
        return movement

    def _geometric_sum(self, momentum: float, decayed: Tensor) -> Tensor:
        """Return rate * (mu + ... + mu**k), given mu**k."""
        return (1 - decayed).mul_(self._lr * momentum / (1 - momentum))

    @torch.no_grad()
    def _catch_up(self, weight: Tensor, rows: Tensor) -> None:
        """Take the missed steps of (U,) distinct rows."""
        state = self.state.get(weight)
        if not state:
            return
        last_steps = self._last_steps[weight]
        missed = (self._steps - last_steps.index_select(0, rows)).unsqueeze(1).to(weight.dtype)
        last_steps.index_fill_(0, rows, self._steps)
        for name, decay in self._decays(self.param_groups[0]).items():
            values, decayed = state[name].index_select(0, rows), decay**missed
            if name == "momentum_buffer":
                reached = weight.index_select(0, rows)
                reached.addcmul_(values, self._geometric_sum(decay, decayed), value=-1)
                weight.index_copy_(0, rows, reached)
            state[name].index_copy_(0, rows, values.mul_(decayed))

    def _part_of_rows(self, parameter: Tensor, group: Group) -> "_Part":
        """Copy the rows that have a gradient, and their state."""
        gradient = parameter.grad
        assert gradient is not None
        words, values = gradient._indices()[0], gradient._values()
        last, rows, places = self._last_input[parameter]
        if (words.data_ptr(), words.numel()) != (last.data_ptr(), last.numel()):  # several calls
            rows, places = torch.unique(words, return_inverse=True)
        state = self._entries(parameter, group)
        self._last_steps[parameter].index_fill_(0, rows, self._steps)
        return _Part(
            parameter.index_select(0, rows),
            values.new_zeros(len(rows), values.shape[1]).index_add_(0, places, values),
            {name: state[name].index_select(0, rows) for name in self._decays(group)},
            parameter,
            rows,
        )

    def _decays(self, group: Group) -> dict[str, float]:
        """Return the factor of each state entry in a step without a gradient."""
        return {"momentum_buffer": group["momentum"]} if group["momentum"] else {}

    def _entries(self, parameter: Tensor, group: Group) -> Entries:
        state: Entries = self.state[parameter]
        for name in self._decays(group):
            if name not in state:
                state[name] = torch.zeros_like(parameter)
        return state

    def _update(self, parts: "list[_Part]", group: Group) -> None:
        momentum = group["momentum"]
        torch._fused_sgd_(
            [part.weight for part in parts],
            [part.gradient for part in parts],
            [part.entries["momentum_buffer"] for part in parts] if momentum else [],
            weight_decay=0.0,
            momentum=momentum,
            lr=group["lr"],
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=False,
        )


class LazyRMSprop(LazySGD):
    """torch.optim.RMSprop (not centered), lazy in the rows of embeddings like LazySGD."""

    def _decays(self, group: Group) -> dict[str, float]:
        return {**super()._decays(group), "square_avg": _ALPHA}

    def _update(self, parts: "list[_Part]", group: Group) -> None:
        """Update in one pass over memory, with a kernel that torch has only for AdamW.

        Without a first moment, and at a step so late that its bias corrections are 1, AdamW maps
        x to (1 - rate * decay) * x - rate * g / (sqrt(v) + eps). With a rate of -1 and a decay of
        momentum - 1 that is the step of the momentum buffer.
        """
        weights = [part.weight for part in parts]
        gradients = [part.gradient for part in parts]
        moved, rate, decay = weights, group["lr"], 0.0
        if group["momentum"]:
            moved = [part.entries["momentum_buffer"] for part in parts]
            rate, decay = -1.0, group["momentum"] - 1
        torch._fused_adamw_(
            moved,
            gradients,
            gradients,
            [part.entries["square_avg"] for part in parts],
            [],
            [_LATE_STEP] * len(parts),
            lr=rate,
            beta1=0.0,
            beta2=_ALPHA,
            weight_decay=decay,
            eps=_EPS,
            amsgrad=False,
            maximize=False,
        )
        if group["momentum"]:
            torch._foreach_add_(weights, moved, alpha=-group["lr"])


def _part_of_all(parameter: Tensor, gradient: Tensor, entries: Entries) -> "_Part":
    """Return the parameter, transposed if it is stored by columns: fused kernels want rows."""
    if parameter.is_contiguous():
        return _Part(parameter, gradient, entries)
    return _Part(parameter.t(), gradient.t(), {name: entry.t() for name, entry in entries.items()})


@dataclass(frozen=True)
class _Part:
    """A parameter, or a copy of some of its rows, with gradient and state of the same shape."""

    weight: Tensor
    gradient: Tensor
    entries: Entries
    whole: Tensor | None = None
    """The parameter that the rows were copied from."""
    rows: Tensor | None = None
