"""The System page: readings, missing readings, the roofline, the bench, and disk use."""

import os
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared.state import get_store
from s2s.bench_report import save_bench
from s2s.config import TrainConfig
from s2s.machine import host as system
from s2s.machine.gpus import GpuReading
from s2s.paths import folder_bytes, home, run_folder
from s2s.records import Run
from s2s.runs.files import has_checkpoint
from tests.plausible import bench_report

OpenPage = Callable[[str], AppTest]
SILENT_GPU = GpuReading(
    id=0,
    name="Tesla K80",
    serial=None,
    uuid="GPU-ba246ac3",
    utilization=None,
    memory_utilization=0.25,
    memory_total_bytes=11441 * 2**20,
    memory_used_bytes=None,
    memory_free_bytes=None,
    display_mode="Disabled",
    display_active="Disabled",
    temperature_celsius=None,
    driver="470.57",
)


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "read_gpus", list)
    monkeypatch.setattr(system, "get_gpu_error", lambda: "nvidia-smi was not *found*.")


def facts(app: AppTest) -> dict[str, str]:
    """The tables of names and values, as one."""
    return {name: value for table in app.table for name, value in table.value.iloc[:, 0].items()}


def test_readings_and_gaps(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page("system")
    assert not app.exception
    assert [each.value for each in app.info] == [r"nvidia\-smi was not \*found\*\."]
    monkeypatch.setattr(system, "read_gpus", lambda: [SILENT_GPU])
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(77))
    app.button(key="refresh").click().run()
    assert facts(app)[r"OMP\_NUM\_THREADS"] == "3"
    assert "77" in facts(app).values()
    table = app.dataframe[0]
    row = table.value.iloc[0]
    missing = ["serial", "utilization", "memory_used_bytes", "memory_free_bytes"]
    assert list(row[row.isna()].index) == [*missing, "temperature_celsius"]
    assert (row["memory_total_bytes"], row["memory_utilization"]) == (11441, 0.25)
    assert table.proto.placeholder == "not reported"


def test_the_latest_bench(open_page: OpenPage) -> None:
    save_bench(bench_report())
    app = open_page("system")
    assert not app.exception
    [table] = [each.value for each in app.dataframe if "Samples/s" in each.value]
    assert list(table["Samples/s"]) == [2000.0, 20.0]
    assert [each.value for each in app.code] == ["python -m s2s bench --rounds 5"]


def test_disk_use_adds_up_and_checkpoints_are_deleted(
    open_page: OpenPage, add_corpus: Callable[..., str], train: Callable[..., Run]
) -> None:
    corpus = add_corpus()
    removed, kept = train(corpus), train(corpus)
    queued = get_store().create_run(TrainConfig(corpus=corpus))
    run_folder(queued).mkdir(parents=True)
    (run_folder(queued) / "checkpoint.safetensors").write_bytes(b"")
    (home() / "stray").write_bytes(b"12345")
    app = open_page("system")
    table = next(each.value for each in app.dataframe if "Content" in each.value)
    used_bytes = dict(zip(table["Content"], table["On disk"], strict=True))
    assert sum(used_bytes.values()) == 2 * used_bytes["Total"]
    assert used_bytes["Prepared corpora"] == folder_bytes(home() / "corpora") > 0
    assert used_bytes["Other"] >= 5
    assert len(app.multiselect(key="to_free").options) == 2
    app.multiselect(key="to_free").select(removed.id).run()
    app.button(key="delete_checkpoints").click().run()
    assert not app.exception
    assert not has_checkpoint(removed.id)
    assert has_checkpoint(kept.id)
    assert len(app.multiselect(key="to_free").options) == 1
