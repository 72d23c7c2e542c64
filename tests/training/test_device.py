import pytest
import torch

from s2s.errors import UserError
from s2s.training.device import device_names, resolve_device


def with_gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


def test_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    with_gpus(monkeypatch, 0)
    assert str(resolve_device("auto")) == "cpu"
    assert str(resolve_device("cpu")) == "cpu"
    assert device_names() == ["cpu"]
    for name in ("cuda", "cuda:0"):
        with pytest.raises(UserError, match=rf"no device {name} here \(0 GPUs were found\)"):
            resolve_device(name)


def test_with_two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    with_gpus(monkeypatch, 2)
    assert device_names() == ["cuda:0", "cuda:1", "cpu"]
    names = ("auto", "cuda", "cuda:0", "cuda:1", "cpu")
    assert [str(resolve_device(name)) for name in names] == [
        "cuda:0",
        "cuda:0",
        "cuda:0",
        "cuda:1",
        "cpu",
    ]
    with pytest.raises(UserError, match=r"no device cuda:2 here \(2 GPUs were found\)"):
        resolve_device("cuda:2")
