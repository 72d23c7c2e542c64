"""Error handling of pages: errors become messages on the page, and training continues."""

import functools
import itertools
import logging
from collections.abc import Callable, Iterable
from typing import ParamSpec

import streamlit as st

from pages.shared.escaping import escape
from s2s.errors import UserError
from s2s.store.errors import StoreError

P = ParamSpec("P")
_log = logging.getLogger(__name__)


def catch_errors(work: Callable[P, object]) -> Callable[P, None]:
    """Wrap a page, a fragment or a callback so that its errors appear as messages.

    If the store is only temporarily unavailable, the page is rerun after a second.
    """

    @functools.wraps(work)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            work(*args, **kwargs)
        except StoreError as error:
            st.warning(f"{escape(error)} Training continues.", icon=":material/hourglass_empty:")
            if error.is_temporary:
                calls = itertools.count()
                rerun_when(lambda: next(calls) > 0)  # not at the first, immediate call
        except UserError as error:
            st.error(escape(error))
        except Exception as error:
            _log.exception("A page failed")
            st.error(
                f"This part of the page failed ({escape(type(error).__name__)}: {escape(error)}). "
                "Training continues. Reload the page. If the error comes back, report it with the "
                "output in the terminal."
            )

    return wrapper


def call_for_each(work: Callable[[int], object], ids: Iterable[int]) -> None:
    """Call `work` with each id; an error for one id does not affect the others."""
    for each in ids:
        catch_errors(work)(each)


def rerun_when(is_ready: Callable[[], bool]) -> None:
    """Call `is_ready` now and every second, and rerun the page once it returns true."""

    def check() -> None:
        if is_ready():
            st.rerun()

    st.fragment(catch_errors(check), run_every="1s")()
