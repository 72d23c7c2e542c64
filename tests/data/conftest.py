"""What the tests of corpora share."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from s2s.errors import UserError


@pytest.fixture(scope="session")
def refused() -> Callable[[str], AbstractContextManager[None]]:
    """`with refused("too long")`: a UserError of one sentence with these words."""

    @contextmanager
    def refusing(words: str) -> Iterator[None]:
        with pytest.raises(UserError, match=re.escape(words)) as caught:
            yield
        sentence = str(caught.value)
        assert sentence.endswith(".")
        assert not re.search(r"\n|[.!?]\s+[A-Z]|\(None\)", sentence), sentence

    return refusing
