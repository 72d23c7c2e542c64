"""RMSprop and SGD that leave an embedding's rows alone until they are used, and are exact.

A batch uses a few hundred of some thousand words, but under momentum every row moves at every
step. A row without gradients for k steps moves along a geometric series, so it is brought up to
date at once, before its next use: with momentum buffer b and square average v,

    W -= lr * b * (mu + mu**2 + ... + mu**k),   b *= mu**k,   v *= alpha**k.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import ParamsT


class LazySGD(torch.optim.Optimizer):
    """torch.optim.SGD's steps and state, lazy in the rows of `embeddings`.

    Calling an embedding brings the rows that it reads up to date, `state_dict()` of the
    optimizer or of the embedding all of them. Who reads an embedding's weight without calling
    it calls `catch_up()` first.
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
        """Of the steps taken so far, as far as they are not yet applied to every row."""
        self._applied: dict[Tensor, Tensor] = {}
        """For each embedding's weight, (rows,): the steps that each of its rows has seen."""
        self._scratch: dict[torch.dtype, Tensor] = {}
        for embedding in embeddings:
            embedding.sparse = True
            weight = embedding.weight
            self._applied[weight] = torch.zeros(len(weight), dtype=torch.int64)
            embedding.register_forward_pre_hook(
                lambda module, inputs: self._catch_up(module.weight, inputs[0].unique())
            )
            embedding.register_state_dict_pre_hook(lambda *_: self.catch_up())

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step with the gradients that are there. `closure` is not supported."""
        (group,) = self.param_groups
        if group["lr"] != self._lr:
            self.catch_up()
            self._lr = group["lr"]
        self._steps += 1
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            state = self._state_of(parameter, group)
            if parameter.grad.is_sparse:
                self._step_rows(parameter, state, group)
            else:
                scratch = self._scratch_like(parameter)
                self._move(parameter, parameter.grad, state, group, scratch)

    @torch.no_grad()
    def catch_up(self) -> None:
        """Brings every row of every embedding up to date."""
        for weight, applied in self._applied.items():
            self._catch_up(weight, (applied < self._steps).nonzero().squeeze(1))

    def state_dict(self) -> dict[str, Any]:
        self.catch_up()
        return super().state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for applied in self._applied.values():
            applied.fill_(self._steps)

    @torch.no_grad()
    def _catch_up(self, weight: Tensor, rows: Tensor) -> None:
        """(U,) rows, each once."""
        state = self.state.get(weight)
        if not state or not len(rows):
            return
        applied = self._applied[weight]
        behind = (self._steps - applied[rows]).unsqueeze(1).to(weight.dtype)
        applied[rows] = self._steps
        (group,) = self.param_groups
        for name, decay in self._decays(group).items():
            entry = state.get(name)
            if entry is None:
                continue
            values = entry[rows]
            factor = decay**behind
            if name == "momentum_buffer":
                way = values * (1 - factor).mul_(self._lr * decay / (1 - decay))
                weight.index_add_(0, rows, way, alpha=-1)
            entry.index_copy_(0, rows, values.mul_(factor))

    def _step_rows(self, weight: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> None:
        rows, places = weight.grad._indices()[0].unique(return_inverse=True)
        self._applied[weight][rows] = self._steps
        values = weight.grad._values()
        gradient = values.new_zeros(len(rows), values.shape[1]).index_add_(0, places, values)
        part = weight[rows]
        of_rows = {name: state[name][rows] for name in self._decays(group) if name in state}
        self._move(part, gradient, of_rows, group, torch.empty_like(part))
        weight.index_copy_(0, rows, part)
        for name, value in of_rows.items():
            state[name].index_copy_(0, rows, value)

    def _decays(self, group: dict[str, Any]) -> dict[str, float]:
        """What each entry of the state is multiplied with in a step without a gradient."""
        return {"momentum_buffer": group["momentum"]}

    def _state_of(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        state: dict[str, Tensor] = self.state[parameter]
        if group["momentum"] and "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        return state

    def _move(
        self,
        weight: Tensor,
        gradient: Tensor,
        state: dict[str, Tensor],
        group: dict[str, Any],
        scratch: Tensor,
    ) -> None:
        """Changes `weight` and `state` by one step; `scratch` is as large as the weight."""
        if group["momentum"]:
            buffer = state["momentum_buffer"].mul_(group["momentum"]).add_(gradient)
            weight.add_(buffer, alpha=-group["lr"])
        else:
            weight.add_(gradient, alpha=-group["lr"])

    def _scratch_like(self, parameter: Tensor) -> Tensor:
        """Kept from step to step: fresh memory of this size costs more than the arithmetic."""
        scratch = self._scratch.get(parameter.dtype)
        if scratch is None or len(scratch) < parameter.numel():
            scratch = self._scratch[parameter.dtype] = parameter.new_empty(parameter.numel())
        return scratch[: parameter.numel()].view_as(parameter)


class LazyRMSprop(LazySGD):
    """torch.optim.RMSprop's steps and state (not centered), lazy in the rows of `embeddings`."""

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

    def _decays(self, group: dict[str, Any]) -> dict[str, float]:
        return {**super()._decays(group), "square_avg": group["alpha"]}

    def _state_of(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        state = super()._state_of(parameter, group)
        if "square_avg" not in state:
            state["step"] = torch.tensor(0.0)
            state["square_avg"] = torch.zeros_like(parameter)
        state["step"] += 1
        return state

    def _move(
        self,
        weight: Tensor,
        gradient: Tensor,
        state: dict[str, Tensor],
        group: dict[str, Any],
        scratch: Tensor,
    ) -> None:
        square = state["square_avg"].mul_(group["alpha"])
        square.addcmul_(gradient, gradient, value=1 - group["alpha"])
        root = torch.sqrt(square, out=scratch).add_(group["eps"])
        if group["momentum"]:
            buffer = state["momentum_buffer"].mul_(group["momentum"]).addcdiv_(gradient, root)
            weight.add_(buffer, alpha=-group["lr"])
        else:
            weight.addcdiv_(gradient, root, value=-group["lr"])
