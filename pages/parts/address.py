"""Ids in an address, where anybody can type anything."""

import re
from collections.abc import Iterable


def ids_in(texts: Iterable[str]) -> list[int]:
    """Those that can be an id of a run or a sweep."""
    return [int(each) for each in texts if re.fullmatch("[0-9]{1,18}", each)]
