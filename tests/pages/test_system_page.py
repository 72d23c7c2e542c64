"""The System page: readings, missing readings, and freeing checkpoints."""

import re
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from pages.shared import state as shared
from s2s.bench import rates
from s2s.bench.report import keep_bench
from s2s.config import TrainConfig
from s2s.locks import lease
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
    monkeypatch.setattr(system, "gpu_reason", lambda: "nvidia-smi was not *found*.")


def facts(app: AppTest) -> dict[str, str]:
    """The tables of names and values, as one."""
    return {name: value for table in app.table for name, value in table.value.iloc[:, 0].items()}


def on_disk(app: AppTest) -> dict[str, int]:
    table = next(each.value for each in app.dataframe if "part" in each.value)
    return dict(zip(table["part"], table["on disk"], strict=True))


def test_without_a_gpu_a_sentence_says_why(open_page: OpenPage) -> None:
    app = open_page("system")
    assert not app.exception
    assert [each.value for each in app.info] == [r"nvidia\-smi was not \*found\*\."]


def test_a_gpu_is_shown_with_every_column_and_gaps_stay_gaps(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "read_gpus", lambda: [SILENT_GPU])
    app = open_page("system")
    shown = app.dataframe[0]
    assert list(shown.value.columns) == [
        "ID",
        "Name",
        "Serial",
        "UUID",
        "GPU util.",
        "Memory util.",
        "Memory total",
        "Memory used",
        "Memory free",
        "Display mode",
        "Display active",
        "Temperature",
        "Driver",
    ]
    row = shown.value.iloc[0]
    missing = ["Serial", "GPU util.", "Memory used", "Memory free", "Temperature"]
    assert list(row[row.isna()].index) == missing
    assert row["Memory total"] == 11441
    assert row["Memory util."] == 0.25
    assert shown.proto.placeholder == "not reported"


def test_machine_and_software(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    monkeypatch.setattr(system, "_usable_cores", lambda: None)
    shown = facts(open_page("system"))
    assert shown[r"OMP\_NUM\_THREADS"] == "3"
    assert shown[r"MKL\_NUM\_THREADS"] == "not set"
    assert shown["Cores usable by s2s"] == "not reported"
    assert shown["streamlit"].replace("\\", "") == system.system_info()["versions"]["streamlit"]


def test_reading_again_shows_what_changed(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page("system")
    monkeypatch.setattr(system, "_usable_cores", lambda: 77)
    assert facts(app)["Cores usable by s2s"] != "77"
    next(button for button in app.button if button.label == "Read again").click()
    assert facts(app.run())["Cores usable by s2s"] == "77"


def button(app: AppTest, label: str) -> Button:
    return next(each for each in app.button if each.label == label)


@pytest.fixture
def quick_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "COPY_BYTES", 4096)
    monkeypatch.setattr(rates, "MEASURE_SECONDS", 0.001)


@pytest.mark.usefixtures("quick_rates")
def test_the_limits_are_measured_on_a_press(
    open_page: OpenPage, add_corpus: Callable[..., str]
) -> None:
    first, second = add_corpus("first"), add_corpus("second", max_vocabulary=50)
    app = open_page("system")
    assert "Copying, read and write counted" not in [each.label for each in app.metric]
    button(app, "Measure the limits").click()
    app.run()
    assert not app.exception
    [copying] = [each for each in app.metric if each.label.startswith("Copying")]
    assert copying.value.endswith(" GB/s")
    [told] = [each.value for each in app.caption if each.value.startswith("The corpus")]
    assert told.startswith(f"The corpus {first} and the default model (hidden size 128, 1 layer")
    assert re.search(r", [1-9][0-9]* threads?\.$", told)
    [table] = [each.value for each in app.dataframe if "Samples/s at most" in each.value]
    assert list(table["Batch size"]) == [2, 32, 128, 512]
    assert list(table["Samples/s at most"]) == pytest.approx(
        list(table["Batch size"] / table["Floor of a step (ms)"] * 1000)
    )
    # What was measured for one corpus is not shown as another's.
    assert app.selectbox(key="limits_corpus").value == first
    app.selectbox(key="limits_corpus").set_value(second).run()
    assert not [each for each in app.dataframe if "Samples/s at most" in each.value]


@pytest.mark.usefixtures("quick_rates")
def test_nothing_is_measured_beside_a_training(
    open_page: OpenPage, add_corpus: Callable[..., str]
) -> None:
    add_corpus()
    app = open_page("system")
    button(app, "Measure the limits").click()
    with lease("cpu", lambda: False):
        app.run()
    assert not app.exception
    [warning] = [each.value for each in app.warning]
    assert warning.startswith("Something else trains or measures on the processor now")
    assert not [each for each in app.dataframe if "Samples/s at most" in each.value]


def test_without_a_corpus_nothing_can_be_measured(open_page: OpenPage) -> None:
    app = open_page("system")
    assert "Measure the limits" not in [each.label for each in app.button]
    assert any(each.value.startswith("Prepare a corpus first") for each in app.text)


def test_the_latest_bench(open_page: OpenPage) -> None:
    app = open_page("system")
    assert any("python -m s2s bench" in each.value for each in app.markdown)
    keep_bench(bench_report())
    app = app.run()
    assert not app.exception
    [table] = [each.value for each in app.dataframe if "Floor reached" in each.value]
    assert list(table["Samples/s"]) == [2000.0, 20.0]
    assert list(table["Floor reached"].isna()) == [False, True]
    assert [each.value for each in app.code] == ["python -m s2s bench --rounds 5"]
    [caption] = [each.value for each in app.caption if "corpus starter" in each.value]
    assert "2023" in caption
    assert "Left out, a thing" in caption


def test_the_parts_of_the_disk_add_up(
    open_page: OpenPage, add_corpus: Callable[..., str], train: Callable[..., Run]
) -> None:
    run = train(add_corpus())
    (home() / "stray").write_bytes(b"12345")
    parts = on_disk(open_page("system"))
    together = parts.pop("Together")
    assert sum(parts.values()) == together
    assert parts["Checkpoints of runs"] == folder_bytes(run_folder(run.id)) > 0
    assert parts["Prepared corpora"] == folder_bytes(home() / "corpora") > 0
    assert parts["Downloads"] == 0
    assert parts["Records of runs"] > 0
    assert parts["Other"] >= 5


def test_checkpoints_of_chosen_finished_runs_are_freed(
    open_page: OpenPage, add_corpus: Callable[..., str], train: Callable[..., Run]
) -> None:
    corpus = add_corpus()
    freed, kept = train(corpus), train(corpus)
    waiting = shared.store().create_run(TrainConfig(corpus=corpus))
    run_folder(waiting).mkdir(parents=True)
    (run_folder(waiting) / "checkpoint.safetensors").write_bytes(b"")
    app = open_page("system")
    assert len(app.multiselect(key="to_free").options) == 2
    app.multiselect(key="to_free").select(freed.id).run()
    next(button for button in app.button if button.label.startswith("Delete")).click()
    app.run()
    assert not app.exception
    assert not has_checkpoint(freed.id)
    assert has_checkpoint(kept.id)
    assert shared.store().run(freed.id).iterations_done == 2
    assert len(app.multiselect(key="to_free").options) == 1


def test_nothing_to_free(open_page: OpenPage) -> None:
    app = open_page("system")
    assert "No run has a checkpoint." in [each.value for each in app.text]
    assert not app.multiselect
