"""Steps during which this process translates are marked, and left out of the timing."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from s2s.errors import UserError
from s2s.paths import run_folder
from s2s.records import StepRecord
from s2s.training.timing import InterferenceDetector, declare_interference
from s2s.training.trainer import WARMUP_STEPS
from s2s.translation.translator import Translator
from tests.tiny import MakeTrainer


def test_interference_is_detected_if_it_overlaps_the_period() -> None:
    detector = InterferenceDetector()
    assert not detector.detect()
    with pytest.raises(ZeroDivisionError), declare_interference():
        raise ZeroDivisionError
    assert [detector.detect(), detector.detect()] == [True, False]
    with declare_interference():
        with declare_interference():
            assert detector.detect()
        assert [detector.detect(), detector.detect()] == [True, True]  # one of the two lasts
        assert InterferenceDetector().detect()
    assert [detector.detect(), detector.detect()] == [True, False]
    with pytest.raises(UserError):  # loading a model takes time too
        Translator.load(run_folder(1))
    assert detector.detect()


def test_a_step_during_a_translation_is_marked_and_not_timed(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(iterations=12, evaluate_every=100)
    translator = Translator(trainer.checkpoint())
    steps = []
    for step in (event for event in trainer.run() if isinstance(event, StepRecord)):
        steps.append(step)
        if step.iteration in (2, 7):  # in another thread, as a page does
            thread = threading.Thread(target=translator.translate, args=(["tu vois"],))
            thread.start()
            thread.join()
    assert [step.iteration for step in steps if step.interfered] == [3, 8]
    timed = [step.iteration for step in steps if step.timed]
    assert timed == [each for each in range(WARMUP_STEPS + 1, 13) if each != 8]


def test_a_translation_does_not_change_the_training_threads_number_of_threads(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A translation takes one thread, and leaves the number of the training thread as it is.

    torch's number of threads is each thread's own, for its OpenMP and MKL products alike.
    """

    def read_threads() -> list[str]:
        lines = torch.__config__.parallel_info().splitlines()
        return [
            str(torch.get_num_threads()),
            *(each for each in lines if "get_max_threads" in each),
        ]

    translator = Translator(make_trainer().checkpoint())
    translate, reports = translator._translate, []
    with ThreadPoolExecutor(1) as training:
        training.submit(torch.set_num_threads, 2).result()

        def observed(*arguments: object) -> object:
            assert torch.get_num_threads() == 1
            reports.append(training.submit(read_threads).result())
            return translate(*arguments)

        monkeypatch.setattr(translator, "_translate", observed)
        reports.append(training.submit(read_threads).result())
        threads = torch.get_num_threads()
        translator.translate(["tu vois"])
        assert torch.get_num_threads() == threads
        reports.append(training.submit(read_threads).result())
    assert reports[0] == reports[1] == reports[2]
    assert reports[0][0] == "2"
