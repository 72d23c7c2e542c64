"""No secret of the environment is written, logged, shown or exported; the home is private."""

import io
import json
import logging
import os
from pathlib import Path
from threading import Event

import pytest

from s2s.bench_report import save_bench
from s2s.data import catalog
from s2s.data.corpus import Corpus
from s2s.data.download import download
from s2s.errors import UserError
from s2s.locks import lease
from s2s.machine.host import read_system_info
from s2s.paths import home, is_open_to_others
from s2s.records import RunState
from s2s.runs.execute import execute
from s2s.runs.export import export_csv, export_json
from s2s.store import Store
from tests.plausible import bench_report
from tests.tiny import tiny_config, tiny_corpus

PLANTED = "planted-secret-7c1f"


@pytest.fixture(autouse=True)
def _planted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "HF_TOKEN", "STREAMLIT_AUTH", "PATH_X"):
        monkeypatch.setenv(name, PLANTED)
    monkeypatch.setenv("S2S_CORPORA_URL", f"http://user:{PLANTED}@127.0.0.1:1/")


def test_no_record_of_a_run_contains_a_secret(
    store: Store, tiny: Corpus, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for corpus, state in ((tiny.info.name, RunState.FINISHED), ("missing", RunState.FAILED)):
        run_id = store.create_run(tiny_config(corpus=corpus))
        assert execute(store, run_id, Event()) is state
    exports = io.StringIO(), io.StringIO()
    export_csv(store, exports[0])
    export_json(store, exports[1])
    files = [path for path in home().rglob("*") if path.is_file()]
    assert {"store.sqlite", "checkpoint.safetensors"} <= {path.name for path in files}
    assert not [path for path in files if PLANTED.encode() in path.read_bytes()]
    texts = [caplog.text, json.dumps(read_system_info()), *(each.getvalue() for each in exports)]
    assert not [text for text in texts if PLANTED in text]
    assert os.environ["HF_TOKEN"] == PLANTED


@pytest.mark.skipif(os.name == "nt", reason="POSIX file modes")
@pytest.mark.parametrize("creator", ["store", "corpus", "lock", "bench", "download"])
def test_the_home_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, creator: str) -> None:
    """The umask does not matter."""
    monkeypatch.setenv("S2S_HOME", str(tmp_path / "deep" / "home"))
    before = os.umask(0)
    match creator:
        case "store":
            Store(home()).close()
        case "corpus":
            tiny_corpus(tmp_path)
        case "lock":
            with lease("cpu", lambda: False):
                pass
        case "bench":
            save_bench(bench_report())
        case "download":
            with pytest.raises(UserError, match="S2S_CORPORA_URL"):
                download("fra-eng", home() / "downloads", catalog.ignore_progress)
    os.umask(before)
    assert home().stat().st_mode & 0o777 == 0o700
    assert not is_open_to_others()


@pytest.mark.skipif(os.name == "nt", reason="POSIX file modes")
def test_a_shared_home_stays_shared() -> None:
    home().mkdir()
    home().chmod(0o750)
    Store(home()).close()
    assert home().stat().st_mode & 0o777 == 0o750
    assert is_open_to_others()
