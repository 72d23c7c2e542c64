"""Network access: foreign origins are rejected, framing is prevented, exposure is reported."""

import functools
import ipaddress
import logging
from urllib.parse import urlsplit

import streamlit as st

from pages.shared.escaping import escape
from pages.shared.login import is_login_configured
from pages.shared.navigation import show_navigation

_log = logging.getLogger(__name__)
_frame_guard = st.components.v2.component(
    "s2s_frame_guard",
    js="""
export default function () {
    try {
        if (window.top.location.origin === window.location.origin) return;
    } catch { /* framed by another site */ }
    window.stop();
    document.body.replaceChildren("s2s cannot be shown inside another site's page.");
}
""",
)


def reject_foreign_origin() -> None:
    """Stop the script if a page of another origin made the request.

    Streamlit itself rejects hosts that are not in `server.allowedHosts`, but accepts an origin
    that differs from the dashboard's only in its port.
    """
    _log_exposure()
    host, origin = (st.context.headers.get(name) for name in ("Host", "Origin"))
    if not host:  # a test, not a browser
        return
    if origin and not _is_same_origin(origin, host):
        st.error(
            f"A page of {escape(origin)} requested this dashboard. Open {escape(host)} directly."
        )
        show_navigation("hidden")
        st.stop()
    with st.container(key="s2s_frame_guard"):  # another site could redirect clicks in a frame
        st.html("<style>.st-key-s2s_frame_guard { display: none; }</style>")
        _frame_guard(key="s2s_frame_guard_code")


def exposure_warning() -> str:
    """Return a warning if other machines can use the dashboard without a login, else ""."""
    if _is_loopback(st.get_option("server.address")) or is_login_configured():
        return ""
    return (
        "Everyone who can reach this machine over the network can use this dashboard: it listens "
        "on more than localhost and has no login. See docs/security.md to configure one."
    )


@functools.cache
def _log_exposure() -> None:
    """Log the warning once per process."""
    if warning := exposure_warning():
        _log.warning(warning)


def _is_same_origin(origin: str, host: str) -> bool:
    """Compare host and port; origins in `server.corsAllowedOrigins` count as the same."""
    allowed: list[str] = st.get_option("server.corsAllowedOrigins")
    return urlsplit(origin).netloc.lower() == host.lower() or origin in allowed


def _is_loopback(address: str | None) -> bool:
    """Return whether an address or name leads to this machine only; None means all addresses."""
    if address is None:
        return False
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        names = ("localhost", "ip6-localhost")
        return address.startswith("unix://") or address.rstrip(".").lower() in names
