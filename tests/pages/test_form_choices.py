"""The form offers what this machine can compute, with a line of help each."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import state as shared
from pages.shared.machine_choices import ENGINES, PRECISIONS
from pages.train import form, presets
from s2s.background.estimates import Expected
from s2s.config import Engine, Precision, TrainConfig

Open = Callable[[str], AppTest]


@pytest.mark.parametrize("gpu", [False, True])
def test_what_needs_a_gpu_is_offered_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, open_page: Open, gpu: bool
) -> None:
    manager = shared.manager()
    monkeypatch.setattr(manager, "expected_seconds", lambda _: Expected(0.05, 50.0, "run 3", "cpu"))
    monkeypatch.setattr(manager, "devices", lambda: ["cuda:0", "cpu"] if gpu else ["cpu"])
    # Filled from a run that may have been made on another machine.
    config = TrainConfig(engine=Engine.GRAPHED, precision=Precision.TF32)
    monkeypatch.setattr(presets, "configs", lambda *_: [config])
    app = open_page("train")
    app.session_state[form.OPEN] = True
    app = app.run()
    assert not app.exception, app.exception
    engine, precision = (app.selectbox(key=f"form_{name}") for name in ("engine", "precision"))
    assert ("graphed" in engine.options) is gpu
    assert ("tf32" in precision.options) is gpu
    for box in (engine, precision):
        assert [line.split(":")[0] for line in box.help.split("\n\n")] == box.options
    chosen = [engine.value, precision.value]
    assert chosen == ([Engine.GRAPHED, Precision.TF32] if gpu else [Engine.FUSED, Precision.FP32])


def test_every_choice_has_its_help() -> None:
    assert (set(ENGINES), set(PRECISIONS)) == (set(Engine), set(Precision))


@pytest.mark.parametrize("gpu", [False, True])
def test_a_sweep_is_offered_the_same(
    monkeypatch: pytest.MonkeyPatch, open_page: Open, gpu: bool
) -> None:
    devices = ["cuda:0", "cpu"] if gpu else ["cpu"]
    monkeypatch.setattr(shared.manager(), "devices", lambda: devices)
    app = open_page("sweep")
    assert not app.exception, app.exception
    assert ("graphed" in app.multiselect(key="sweep_engines").options) is gpu
    assert ("tf32" in app.selectbox(key="sweep_precision").options) is gpu
    boxes = [box.options for box in app.selectbox if box.label == "Device"]
    assert boxes == ([["auto", *devices]] if gpu else [])
