"""Access to the dashboard: only from its own origin, and after a login if one is configured."""

import functools
import ipaddress
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from pages.shared.escaping import escape
from pages.shared.navigation import show_navigation
from s2s.errors import UserError

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
    allowed_origins: list[str] = st.get_option("server.corsAllowedOrigins")
    if origin and urlsplit(origin).netloc.lower() != host.lower() and origin not in allowed_origins:
        st.error(
            f"A page of {escape(origin)} requested this dashboard. Open {escape(host)} directly."
        )
        show_navigation("hidden")
        st.stop()
    with st.container(key="s2s_frame_guard"):  # prevents clickjacking
        st.html("<style>.st-key-s2s_frame_guard { display: none; }</style>")
        _frame_guard(key="s2s_frame_guard_code")


def describe_exposure() -> str:
    """Return a warning if other machines can use the dashboard without a login, else ""."""
    if _is_loopback(st.get_option("server.address")) or is_login_configured():
        return ""
    return (
        "Everyone who can reach this machine over the network can use this dashboard: it listens "
        "on more than localhost and has no login. See docs/security.md to configure one."
    )


@functools.cache
def _log_exposure() -> None:
    """Log the warning of `describe_exposure`, once per process."""
    if warning := describe_exposure():
        _log.warning(warning)


def _is_loopback(address: str | None) -> bool:
    """Return whether an address or name leads to this machine only; None means all addresses."""
    if address is None:
        return False
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        names = ("localhost", "ip6-localhost")
        return address.startswith("unix://") or address.rstrip(".").lower() in names


def is_login_configured() -> bool:
    """Return whether secrets.toml configures a login; raise UserError if it is unclear."""
    secrets = _read_secrets()
    if "login" in secrets and "auth" not in secrets:
        raise _locked_error("secrets.toml has a [login] section but no [auth] section")
    return "auth" in secrets


def require_login() -> None:
    """Stop the script unless the visitor is admitted; show the login or the reason instead."""
    try:
        if not is_login_configured():
            return
        allowed = _read_allowed_emails()
    except UserError as error:
        st.error(escape(error))
    else:
        if not st.user.is_logged_in:
            _show_login()
        elif allowed is None or _read_verified_email() in allowed:
            return
        else:
            _show_refusal()
    show_navigation("hidden")
    st.stop()


def show_logout_bar() -> None:
    """Show the user's address and a logout button, if a login is configured."""
    if is_login_configured():
        with st.container(horizontal=True, horizontal_alignment="right"):
            st.caption(escape(st.user.get("email") or st.user.get("name") or ""), width="content")
            st.button(
                "Log out", key="log_out", type="tertiary", icon=":material/logout:",
                on_click=st.logout,
            )  # fmt: skip


def _show_login() -> None:
    st.title("s2s")
    st.write(
        "Train a small translator at several batch sizes, measure it, and get a recommended batch "
        "size for this machine. Log in to continue."
    )
    settings = _read_secrets()["auth"]
    providers = [name for name, values in settings.items() if isinstance(values, Mapping)]
    if "client_id" in settings or not providers:  # `[auth]` itself describes a provider
        st.button("Log in", key="log_in", type="primary", on_click=st.login)
    for name in providers:
        if name != "client_kwargs":
            st.button(f"Log in with {escape(name)}", key=name, on_click=st.login, args=(name,))


def _show_refusal() -> None:
    user = st.user.get("email") or "An account without an email address"
    st.title("s2s")
    st.error(
        f"{escape(user)} is not allowed to use this dashboard. Ask its operator to add the "
        "address to `allowed_emails`."
    )
    st.button("Log out", key="log_out", on_click=st.logout)


def _read_verified_email() -> str:
    """Return the user's address in lower case, or "" if it is unverified or not ASCII.

    Lower-casing can turn another character into an ASCII letter: the Kelvin sign becomes k.
    """
    is_verified = st.user.get("email_verified", True) is True
    email = str(st.user.get("email") or "")
    return email.lower() if is_verified and email.isascii() else ""


def _read_allowed_emails() -> set[str] | None:
    """Return `allowed_emails` of `[login]`, or None if every user of the provider is admitted."""
    if "login" not in _read_secrets():
        return None
    emails = _read_secrets()["login"].get("allowed_emails")
    is_list = isinstance(emails, list)
    if not is_list or not all(isinstance(each, str) and each and each.isascii() for each in emails):
        raise _locked_error("allowed_emails in secrets.toml must be a list of ASCII addresses")
    return {each.lower() for each in emails}


def _read_secrets() -> Mapping[str, Any]:
    """Return the contents of secrets.toml, or an empty mapping if the file does not exist."""
    if st.secrets.load_if_toml_exists():
        return st.secrets
    if any(Path(path).exists() for path in st.get_option("secrets.files")):
        raise _locked_error("secrets.toml cannot be read")
    return {}


def _locked_error(reason: str) -> UserError:
    """Return the error for a bad secrets.toml. Locking everyone out is safer than admitting all."""
    return UserError(
        f"{reason}, so nobody can log in. The operator must correct the file and restart the "
        "dashboard."
    )
