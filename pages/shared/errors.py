"""Error handling of pages: errors become messages on the page, and training continues."""

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec

import streamlit as st

from pages.shared.escaping import escape
from s2s.errors import UserError
from s2s.store.errors import StoreError

RETRY_INTERVAL = "2s"
P = ParamSpec("P")
_log = logging.getLogger(__name__)


def catch_errors(work: Callable[P, object]) -> Callable[P, None]:
    """Wrap a page, a fragment or a callback so that its errors appear as messages.

    A page that fails because the store is locked reruns by itself.
    """

    @functools.wraps(work)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            work(*args, **kwargs)
        except StoreError as error:
            st.warning(f"{escape(error)} Training continues.", icon=":material/hourglass_empty:")
            if error.is_temporary:
                _rerun_later()
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


def _rerun_later() -> None:
    is_first_run = True

    def rerun() -> None:
        nonlocal is_first_run
        if not is_first_run:
            st.rerun()
        is_first_run = False

    st.fragment(rerun, run_every=RETRY_INTERVAL)()
