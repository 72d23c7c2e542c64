"""Descriptions of charts for screen readers."""

from s2s.analysis.run.steps import Axis, LossScale
from s2s.text.charts import describe_loss, describe_readings
from tests.charts.examples import examples
from tests.golden_text import check_golden


def test_descriptions() -> None:
    descriptions = {name: description for name, (_, description) in examples().items()}
    descriptions["loss without runs"] = describe_loss([], Axis.SAMPLES, LossScale.TOKEN)
    descriptions["readings without devices"] = describe_readings([])
    check_golden("charts", descriptions)
