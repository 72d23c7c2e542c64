"""RMSprop and SGD that leave an embedding's rows alone until they are used, and are exact.

A batch uses a few hundred of some thousand words, but under momentum every row moves at every
step. A row without gradients for k steps moves along a geometric series, so it is brought up to
date at once, before its next use: with momentum buffer b and square average v,

    W -= lr * b * (mu + mu**2 + ... + mu**k),   b *= mu**k,   v *= alpha**k.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import ParamsT

Group = dict[str, Any]
Entries = dict[str, Tensor]
"""An optimizer's state of one parameter, or of some rows of it."""


class LazySGD(torch.optim.Optimizer):
    """torch.optim.SGD's steps, lazy in the rows of `embeddings`. One group, on the CPU.

    Nobody else need know. An embedding in training mode brings the rows that it reads up to date
    first; in evaluation mode, and in its `state_dict()`, it shows them as if they were and changes
    nothing, so that watching a run does not change its rounding. The optimizer's `state_dict()`
    holds rows as they are, and what they have missed: going on from it is exact. It also goes on
    from the state of torch's optimizer, but not the other way round.
    """

    def __init__(
        self,
        parameters: ParamsT,
        embeddings: Iterable[nn.Embedding],
        *,
        lr: float,
        momentum: float,
        **defaults: float,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, **defaults})
        self._steps = 0
        self._lr = lr
        """Of the steps that some rows have still to be brought through."""
        self._seen: dict[Tensor, Tensor] = {}
        """For each embedding's weight, (rows,): the steps that each of its rows went through."""
        self._read: dict[Tensor, tuple[Tensor, Tensor, Tensor]] = {}
        """For each embedding's weight, its last call: words, which rows, and where among them."""
        for embedding in embeddings:
            embedding.sparse = True
            weight = embedding.weight
            self._seen[weight] = torch.zeros(len(weight), dtype=torch.int64)
            embedding.register_forward_pre_hook(self._before_reading)
            embedding.register_forward_hook(self._after_reading)
            # A partial, because torch sets an attribute on the hook.
            embedding.register_state_dict_post_hook(  # type: ignore[no-untyped-call]
                functools.partial(self._show)
            )

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """One step with the gradients that are there, which it may spoil."""
        (group,) = self.param_groups
        if group["lr"] != self._lr:
            for weight, seen in self._seen.items():
                self._catch_up(weight, (seen < self._steps).nonzero().squeeze(1))
            self._lr = group["lr"]
        self._steps += 1
        parts = [
            self._rows_part(parameter, group)
            if parameter.grad.is_sparse
            else _whole(parameter, parameter.grad, self._entries(parameter, group))
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        if parts:
            self._move(parts, group)
        for part in parts:
            self._put_back(part)

    def state_dict(self) -> dict[str, Any]:
        """Has for each embedding its `rows` (R, H), the `missed` (R,) steps, and their `rate`."""
        saved = super().state_dict()
        numbers = {weight: number for number, weight in enumerate(self._parameters())}
        for weight, seen in self._seen.items():
            saved["state"][numbers[weight]] = {
                **self.state[weight],
                "rows": weight.detach().clone(),
                "missed": self._steps - seen,
                "rate": torch.tensor(self._lr, dtype=torch.float64),
            }
        return saved

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Sets the embeddings' weights too, where the state is of a lazy optimizer."""
        super().load_state_dict(state_dict)
        numbers = {weight: number for number, weight in enumerate(self._parameters())}
        for weight, seen in self._seen.items():
            seen.fill_(self._steps)
            saved = state_dict["state"].get(numbers[weight], {})
            if "missed" in saved:
                weight.copy_(saved["rows"])
                seen -= saved["missed"]
                self._lr = float(saved["rate"])
                for name in ("rows", "missed", "rate"):
                    del self.state[weight][name]

    def _parameters(self) -> list[Tensor]:
        (group,) = self.param_groups
        parameters: list[Tensor] = group["params"]
        return parameters

    def _before_reading(self, embedding: nn.Module, inputs: tuple[Tensor]) -> None:
        if embedding.training:
            weight, (words,) = _weight(embedding), inputs
            rows, places = torch.unique(words, return_inverse=True)
            self._read[weight] = words, rows, places.flatten()
            self._catch_up(weight, rows)

    def _after_reading(
        self, embedding: nn.Module, inputs: tuple[Tensor], outputs: Tensor
    ) -> Tensor | None:
        if embedding.training:
            return None
        return outputs - self._way(_weight(embedding), inputs[0])

    def _show(self, embedding: nn.Module, saved: dict[str, Any], prefix: str, *_: object) -> None:
        weight = _weight(embedding)
        saved[f"{prefix}weight"] = weight.detach() - self._way(weight, torch.arange(len(weight)))

    def _way(self, weight: Tensor, rows: Tensor) -> Tensor:
        """What the steps that rows (...) of `weight` missed take from them: (..., H)."""
        momentum: float = self.param_groups[0]["momentum"]
        buffer = self.state.get(weight, {}).get("momentum_buffer")
        if buffer is None:
            return weight.new_zeros(())
        missed = (self._steps - self._seen[weight][rows]).unsqueeze(-1).to(weight.dtype)
        way: Tensor = buffer[rows] * self._reach(momentum, momentum**missed)
        return way

    def _reach(self, momentum: float, decayed: Tensor) -> Tensor:
        """rate * (mu + ... + mu**k) from mu**k."""
        return (1 - decayed).mul_(self._lr * momentum / (1 - momentum))

    @torch.no_grad()
    def _catch_up(self, weight: Tensor, rows: Tensor) -> None:
        """Brings (U,) rows, each named once, up to date."""
        state = self.state.get(weight)
        if not state:
            return
        seen = self._seen[weight]
        missed = (self._steps - seen.index_select(0, rows)).unsqueeze(1).to(weight.dtype)
        seen.index_fill_(0, rows, self._steps)
        for name, decay in self._decays(self.param_groups[0]).items():
            values, decayed = state[name].index_select(0, rows), decay**missed
            if name == "momentum_buffer":
                reached = weight.index_select(0, rows)
                reached.addcmul_(values, self._reach(decay, decayed), value=-1)
                weight.index_copy_(0, rows, reached)
            state[name].index_copy_(0, rows, values.mul_(decayed))

    def _rows_part(self, parameter: Tensor, group: Group) -> "_Part":
        """The rows that have a gradient, and their state, in memory of their own."""
        gradient = parameter.grad
        assert gradient is not None
        words, values = gradient._indices()[0], gradient._values()
        read, rows, places = self._read[parameter]
        if (words.data_ptr(), words.numel()) != (read.data_ptr(), read.numel()):  # several calls
            rows, places = torch.unique(words, return_inverse=True)
        state = self._entries(parameter, group)
        self._seen[parameter].index_fill_(0, rows, self._steps)
        return _Part(
            parameter.index_select(0, rows),
            values.new_zeros(len(rows), values.shape[1]).index_add_(0, places, values),
            {name: state[name].index_select(0, rows) for name in self._decays(group)},
            parameter,
            rows,
        )

    def _put_back(self, part: "_Part") -> None:
        if part.whole is not None and part.rows is not None:
            part.whole.index_copy_(0, part.rows, part.weight)
            for name, entry in part.entries.items():
                self.state[part.whole][name].index_copy_(0, part.rows, entry)

    def _decays(self, group: Group) -> dict[str, float]:
        """What each entry of the state is multiplied with in a step without a gradient."""
        return {"momentum_buffer": group["momentum"]} if group["momentum"] else {}

    def _entries(self, parameter: Tensor, group: Group) -> Entries:
        state: Entries = self.state[parameter]
        for name in self._decays(group):
            if name not in state:
                state[name] = torch.zeros_like(parameter)
        return state

    def _move(self, parts: "list[_Part]", group: Group) -> None:
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
    """torch.optim.RMSprop's steps (not centered), lazy in the rows of `embeddings` as above."""

    def __init__(
        self,
        parameters: ParamsT,
        embeddings: Iterable[nn.Embedding],
        *,
        lr: float,
        momentum: float,
        alpha: float = 0.99,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(parameters, embeddings, lr=lr, momentum=momentum, alpha=alpha, eps=eps)
        self._late = torch.tensor(1e9)

    def _decays(self, group: Group) -> dict[str, float]:
        return {**super()._decays(group), "square_avg": group["alpha"]}

    def _move(self, parts: "list[_Part]", group: Group) -> None:
        """In one pass over memory, by a kernel that torch has for AdamW alone.

        Without a first moment, and late enough for its bias corrections to be 1, AdamW takes
        x to (1 - rate * decay) * x - rate * g / (sqrt(v) + eps). With a rate of -1 and a decay of
        momentum - 1 that is the momentum buffer's step.
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
            [self._late] * len(parts),
            lr=rate,
            beta1=0.0,
            beta2=group["alpha"],
            weight_decay=decay,
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
        )
        if group["momentum"]:
            torch._foreach_add_(weights, moved, alpha=-group["lr"])


def _weight(embedding: nn.Module) -> Tensor:
    assert isinstance(embedding, nn.Embedding)
    return embedding.weight


def _whole(parameter: Tensor, gradient: Tensor, entries: Entries) -> "_Part":
    """The parameter, transposed where it lies in memory so: torch's fused kernels want rows."""
    if parameter.is_contiguous():
        return _Part(parameter, gradient, entries)
    return _Part(parameter.t(), gradient.t(), {name: entry.t() for name, entry in entries.items()})


@dataclass(frozen=True)
class _Part:
    """A parameter, or copies of some rows of it, with gradient and state of the same shape."""

    weight: Tensor
    gradient: Tensor
    entries: Entries
    whole: Tensor | None = None
    """The parameter that the rows were taken from."""
    rows: Tensor | None = None
