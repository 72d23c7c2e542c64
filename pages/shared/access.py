"""From where the dashboard can be reached, under which name, and in whose page."""

import functools
import ipaddress
import logging
from urllib.parse import urlsplit

import streamlit as st

from pages.shared.escaping import inert
from pages.shared.login import is_configured
from pages.shared.navigation import navigation

_log = logging.getLogger(__name__)
_alone = st.components.v2.component(
    "s2s_alone",
    js="""
export default function () {
    try {
        if (window.top.location.origin === window.location.origin) return;
    } catch { /* of another site */ }
    window.stop();
    document.body.replaceChildren("s2s is not shown inside the page of another site.");
}
""",
)


def turn_away() -> None:
    """Ends the page for a page of another origin, which Streamlit lets in where only its port is
    another one. Names that are not in `server.allowedHosts` it refuses itself."""
    _log_exposed()
    host, origin = (st.context.headers.get(each) for each in ("Host", "Origin"))
    if not host:  # no browser, which always names one
        return
    if origin and not _same(origin, host):
        st.error(
            f"A page of {inert(origin)} asked for this dashboard, which is {inert(host)}; open it "
            "under its own address."
        )
        navigation("hidden")
        st.stop()
    with st.container(key="s2s_alone"):  # in the page of another site clicks could be stolen
        st.html("<style>.st-key-s2s_alone { display: none; }</style>")
        _alone(key="s2s_alone_code")


def exposed() -> str:
    """A sentence where others can reach the dashboard and no login keeps them out."""
    if _is_local(st.get_option("server.address")) or is_configured():
        return ""
    return (
        "Everybody who can reach this machine over the network can use this dashboard: it listens "
        "on more than localhost, and no login is configured (docs/security.md says how)."
    )


@functools.cache
def _log_exposed() -> None:
    """Once a process."""
    if told := exposed():
        _log.warning(told)


def _same(origin: str, host: str) -> bool:
    """With the port; or one that `server.corsAllowedOrigins` names."""
    allowed: list[str] = st.get_option("server.corsAllowedOrigins")
    return urlsplit(origin).netloc.lower() == host.lower() or origin in allowed


def _is_local(address: str | None) -> bool:
    """Whether that address, or name, leads to this machine only. None: all of its addresses."""
    if address is None:
        return False
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address.startswith("unix://") or address.rstrip(".").lower() in (
            "localhost",
            "ip6-localhost",
        )
