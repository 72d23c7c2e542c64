"""Steps beside which this process translates are marked, by whoever translates."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from s2s.records import StepRecord
from s2s.training.timing import InterferenceDetector, interference
from s2s.training.trainer import WARMUP_STEPS, Trainer
from s2s.translation.translator import Translator

MakeTrainer = Callable[..., Trainer]


def test_what_began_before_ended_after_or_lay_within_is_seen() -> None:
    detector = InterferenceDetector()
    assert not detector.detect()
    with interference():
        pass
    assert detector.detect()
    assert not detector.detect()
    with interference():
        assert detector.detect()
        assert detector.detect()  # it lasts
        assert InterferenceDetector().detect()
    assert detector.detect()
    assert not detector.detect()


def test_two_at_once() -> None:
    detector = InterferenceDetector()
    with interference():
        with interference():
            pass
        detector.detect()
        assert detector.detect()
    detector.detect()
    assert not detector.detect()


def test_what_fails_ends_too() -> None:
    detector = InterferenceDetector()
    with pytest.raises(ZeroDivisionError), interference():
        raise ZeroDivisionError
    detector.detect()
    assert not detector.detect()


def test_a_step_beside_a_translation_is_marked_and_not_timed(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(iterations=12, evaluate_every=100)
    translator = Translator(trainer.checkpoint())
    steps = (event for event in trainer.run() if isinstance(event, StepRecord))
    seen = []
    for step in steps:
        seen.append(step)
        if step.iteration in (2, 7):  # in another thread, as a page does
            thread = threading.Thread(target=translator.translate, args=(["tu vois"],))
            thread.start()
            thread.join()
    assert [step.iteration for step in seen if step.interfered] == [3, 8]
    timed = [step.iteration for step in seen if step.timed]
    assert timed == [each for each in range(WARMUP_STEPS + 1, 13) if each != 8]


def test_loading_a_model_counts_as_well(tmp_path: Path) -> None:
    detector = InterferenceDetector()
    with pytest.raises(Exception, match="has no checkpoint"):
        Translator.load(tmp_path)
    assert detector.detect()


def test_a_translation_leaves_the_training_threads_own_number_of_threads_alone(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch's number of threads is each thread's own, of its OpenMP and of its MKL products."""
    translator = Translator(make_trainer().checkpoint())
    asked, told = threading.Event(), threading.Event()
    seen: list[list[str]] = []

    def training() -> None:
        torch.set_num_threads(2)
        for _ in range(3):  # before, during and after
            asked.wait(30)
            asked.clear()
            about = torch.__config__.parallel_info().splitlines()
            seen.append([line.strip() for line in about if "get_max_threads" in line])
            seen[-1].append(str(torch.get_num_threads()))
            told.set()

    def look() -> None:
        asked.set()
        assert told.wait(30)
        told.clear()

    thread = threading.Thread(target=training)
    thread.start()
    look()
    translate = translator._translate

    def looked_at(*arguments: object) -> object:
        assert torch.get_num_threads() == 1
        look()
        return translate(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(translator, "_translate", looked_at)
    translator.translate(["tu vois"])
    look()
    thread.join(30)
    before, during, after = seen
    assert before == during == after
    assert before[-1] == "2"
