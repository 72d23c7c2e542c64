"""One combination in a process of its own."""

import json

import pytest
from tiny import tiny_config

from s2s.runs import bench_process

Capture = pytest.CaptureFixture[str]


@pytest.mark.usefixtures("tiny")
def test_its_row(capsys: Capture) -> None:
    wanted = {"config": tiny_config(batch_size=3).to_json(), "seconds": 0.001}
    assert bench_process.main(json.dumps(wanted)) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["engine"], row["batch_size"], row["rounds"]) == ("fused", 3, 1)
    assert row["samples_per_second"] > 0
    assert row["floor_seconds"] is None


def test_a_sentence_where_it_cannot(capsys: Capture) -> None:
    wanted = {"config": tiny_config(corpus="nowhere").to_json(), "seconds": 0.001}
    assert bench_process.main(json.dumps(wanted)) == 1
    output, errors = capsys.readouterr()
    assert output == ""
    assert "no corpus 'nowhere'" in errors
