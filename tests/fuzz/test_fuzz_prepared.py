"""A prepared corpus on disk, damaged in any way: it opens whole, or one sentence."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.data import catalog
from s2s.errors import UserError
from s2s.paths import corpora_folder
from tests.fuzz.fence import check_sentence, fenced
from tests.fuzz.small import add, home_made_in, use
from tests.fuzz.strategies import fuzzed, mutated, mutated_json


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with home_made_in(tmp_path_factory.mktemp("prepared")) as home:
        add(home.parent / "x.txt", "y")
    return home


def used_or_refused() -> None:
    """The other corpus is listed whatever happened to this one."""
    assert "y" in [info.name for info in catalog.list_corpora(corpora_folder())]
    try:
        found = catalog.open_corpus(corpora_folder(), "x")
    except UserError as error:
        check_sentence(str(error))
    else:
        use(found)


@fuzzed(60)
@given(data=st.data())
def test_bytes(tmp_path: Path, prepared: Path, data: st.DataObject) -> None:
    name = data.draw(
        st.sampled_from(sorted(each.name for each in (prepared / "corpora/x").iterdir()))
    )
    content = data.draw(mutated((prepared / "corpora" / "x" / name).read_bytes()))
    with fenced(tmp_path) as here:
        shutil.copytree(prepared, here / "home")
        (here / "home" / "corpora" / "x" / name).write_bytes(content)
        used_or_refused()


@fuzzed(40)
@given(data=st.data(), name=st.sampled_from(("corpus", "source_words", "target_words")))
def test_json(tmp_path: Path, prepared: Path, data: st.DataObject, name: str) -> None:
    kept = (prepared / "corpora" / "x" / f"{name}.json").read_text(encoding="utf-8")
    value = data.draw(mutated_json(json.loads(kept)))
    with fenced(tmp_path) as here:
        shutil.copytree(prepared, here / "home")
        (here / "home" / "corpora" / "x" / f"{name}.json").write_text(json.dumps(value))
        used_or_refused()
