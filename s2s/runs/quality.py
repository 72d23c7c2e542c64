"""Quality of a finished run's outputs on the test split of its corpus."""

from collections.abc import Callable

from s2s.paths import run_folder
from s2s.task import Quality, task_class

MOST_SENTENCES = 2000


def quality_on_test_part(
    run_id: int,
    most_sentences: int = MOST_SENTENCES,
    progress: Callable[[float], object] = id,
) -> Quality:
    """Measure the quality of a run's checkpoint on the test split.

    Args:
        progress: Called with the fraction done, several times per second; may raise to stop.

    Raises:
        UserError: There is no checkpoint or no test split, or the corpus has changed.
    """
    return task_class().measure_quality(run_folder(run_id), most_sentences, progress)
