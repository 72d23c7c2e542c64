"""What goes wrong on a page is a sentence there; what trains goes on."""

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec

import streamlit as st

from pages.shared.escaping import escape
from s2s.errors import UserError
from s2s.store.errors import StoreError

RETRY = "2s"
_log = logging.getLogger(__name__)
_Given = ParamSpec("_Given")


def guarded(work: Callable[_Given, object]) -> Callable[_Given, None]:
    """The page's body, a fragment or a button's callback that shows a sentence where it fails.

    A page whose store is locked for the moment is drawn again by itself.
    """

    @functools.wraps(work)
    def guarded_work(*arguments: _Given.args, **named: _Given.kwargs) -> None:
        try:
            work(*arguments, **named)
        except StoreError as error:
            st.warning(f"{escape(error)} What trains goes on.", icon=":material/hourglass_empty:")
            if error.is_temporary:
                _draw_again()
        except UserError as error:
            st.error(escape(error))
        except Exception as error:
            _log.exception("A page failed")
            st.error(
                f"This part of the page failed ({escape(type(error).__name__)}: {escape(error)}). "
                "What trains goes on; reload the page, and if this comes again, report it with "
                "what the terminal says."
            )

    return guarded_work


def _draw_again() -> None:
    """The whole page, in a while."""
    drawn = False

    def again() -> None:
        nonlocal drawn
        if drawn:
            st.rerun()
        drawn = True

    st.fragment(again, run_every=RETRY)()
