"""Who may come in: everybody, or with `[auth]` in secrets.toml those who log in by it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from pages.shared.escaping import escape
from pages.shared.navigation import navigation
from s2s.errors import UserError


def is_configured() -> bool:
    """Whether a login is asked for. UserError where secrets.toml does not say it clearly."""
    secrets = _secrets()
    if "login" in secrets and "auth" not in secrets:
        raise _closed("secrets.toml has a [login] but no [auth]")
    return "auth" in secrets


def admit() -> None:
    """Ends the page, with what to do instead, for whoever is not let in."""
    try:
        if not is_configured():
            return
        allowed = _allowed_emails()
    except UserError as error:
        st.error(escape(error))
    else:
        if not st.user.is_logged_in:
            _ask()
        elif allowed is None or _email() in allowed:
            return
        else:
            _refuse()
    navigation("hidden")
    st.stop()


def log_out() -> None:
    """A line with who is here and a way out; nothing without a login."""
    if is_configured():
        with st.container(horizontal=True, horizontal_alignment="right"):
            st.caption(escape(st.user.get("email") or st.user.get("name") or ""), width="content")
            st.button("Log out", type="tertiary", icon=":material/logout:", on_click=st.logout)


def _ask() -> None:
    st.title("s2s")
    st.write(
        "A dashboard that trains a small translator at several batch sizes and tells which of "
        "them to use. Log in to see it."
    )
    settings = _secrets()["auth"]
    named = [name for name, values in settings.items() if isinstance(values, Mapping)]
    if "client_id" in settings or not named:
        st.button("Log in", type="primary", on_click=st.login)
    for name in named:
        if name != "client_kwargs":
            st.button(f"Log in with {escape(name)}", key=name, on_click=st.login, args=(name,))


def _refuse() -> None:
    st.title("s2s")
    st.error(
        f"{escape(st.user.get('email') or 'An account without an e-mail address')} may not use this "
        "dashboard; ask whoever runs it to put the address among `allowed_emails`."
    )
    st.button("Log out", on_click=st.logout)


def _email() -> str:
    """In small letters; empty for an address that its provider has not verified, and for one that
    is not ASCII: the small letter of a strange sign can be another one's (a kelvin sign's is k).
    """
    verified = st.user.get("email_verified", True) is True
    email = str(st.user.get("email") or "")
    return email.lower() if verified and email.isascii() else ""


def _allowed_emails() -> set[str] | None:
    """`allowed_emails` of `[login]`; None: everybody whom the provider lets log in."""
    if "login" not in _secrets():
        return None
    emails = _secrets()["login"].get("allowed_emails")
    if not isinstance(emails, list) or not all(map(_is_address, emails)):
        raise _closed("allowed_emails of secrets.toml is not a list of addresses (ASCII)")
    return {each.lower() for each in emails}


def _is_address(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and bool(value)


def _secrets() -> Mapping[str, Any]:
    """What secrets.toml says; empty where there is none."""
    if st.secrets.load_if_toml_exists():
        return st.secrets
    if any(Path(path).exists() for path in st.get_option("secrets.files")):
        raise _closed("secrets.toml cannot be read")
    return {}


def _closed(why: str) -> UserError:
    """To all, where it would else be open to all."""
    return UserError(
        f"{why}, so nobody is let in; whoever runs this dashboard has to mend the file and start "
        "it again."
    )
