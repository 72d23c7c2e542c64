import pytest
from tiny import tiny_config

from s2s.config import UserError
from s2s.home import run_folder
from s2s.runs.artifacts import CHECKPOINT, delete_checkpoint, delete_run, has_checkpoint, run_bytes
from s2s.runs.store import Store
from s2s.training import checkpoint


def with_files(run_id: int) -> None:
    run_folder(run_id).mkdir(parents=True)
    (run_folder(run_id) / CHECKPOINT).write_bytes(b"1234")
    (run_folder(run_id) / "other").write_bytes(b"56")


def test_checkpoints_are_found_where_training_puts_them() -> None:
    assert CHECKPOINT == checkpoint.FILE_NAME  # torch is not loaded for its sake


def test_files_of_a_run() -> None:
    assert not has_checkpoint(1)
    assert run_bytes(1) == 0
    delete_checkpoint(1)
    with_files(1)
    assert has_checkpoint(1)
    assert run_bytes(1) == 6
    delete_checkpoint(1)
    assert not has_checkpoint(1)
    assert run_bytes(1) == 2


def test_delete_run_takes_its_files(store: Store) -> None:
    run_id = store.create_run(tiny_config())
    with_files(run_id)
    with pytest.raises(UserError, match="is not finished"):
        delete_run(store, run_id)
    assert run_bytes(run_id) == 6
    store.request_stop(run_id)
    delete_run(store, run_id)
    assert store.runs() == []
    assert not run_folder(run_id).exists()
