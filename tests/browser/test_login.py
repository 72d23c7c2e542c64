"""The login: without it, neither a browser nor a websocket client sees anything of the store."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from streamlit.proto.BackMsg_pb2 import BackMsg

from pages.shared.navigation import PAGES
from s2s.config import TrainConfig
from s2s.store import Store
from tests.browser.actions import click, widget
from tests.browser.provider import CLIENT, CLIENT_SECRET, Provider, run_provider
from tests.browser.serving import WAIT_MS, serve_dashboard
from tests.browser.websocket import exchange, request_page
from tests.plausible import add_ended_run

pytestmark = pytest.mark.browser

NAME = "the-secret-run"
COOKIE_SECRET = "planted-cookie-secret-of-the-test"


@dataclass
class Site:
    address: str
    provider: Provider
    log: Path
    home: Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("login")
    home, log, secrets = folder / "home", folder / "server.log", folder / "secrets.toml"
    with closing(Store(home)) as store:
        store.rename_run(add_ended_run(store, TrainConfig()), NAME)
    with run_provider() as provider:
        secrets.write_text(
            "[auth]\n"
            'redirect_uri = "http://localhost:{port}/oauth2callback"\n'
            f'cookie_secret = "{COOKIE_SECRET}"\n'
            f'client_id = "{CLIENT}"\nclient_secret = "{CLIENT_SECRET}"\n'
            f'server_metadata_url = "{provider.address}/.well-known/openid-configuration"\n'
            '[login]\nallowed_emails = ["Ada@example.org", "kim@example.org"]\n'
        )
        with serve_dashboard(home, log, f"--secrets.files={secrets}") as address:
            yield Site(address, provider, log, home)


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """A tab of a browser profile that has never logged in."""
    site.provider.claims = {"email": "ada@example.org", "email_verified": True}
    context = browser.new_context()
    context.set_default_timeout(WAIT_MS)
    yield context.new_page()
    context.close()


def log_in(page: Page, site: Site) -> None:
    page.goto(site.address)
    click(page, "log_in")


def test_websocket_messages_show_nothing_without_a_login(site: Site, page: Page) -> None:
    for name, _, _ in PAGES:
        assert NAME not in str(exchange(site.address, request_page(name, "run=1"))), name

    log_in(page, site)  # the same message shows the run to a user who has logged in
    page.get_by_text(NAME).first.wait_for()
    cookies = {each["name"]: each["value"] for each in page.context.cookies()}
    compare = request_page("compare", "run=1")
    messages = exchange(site.address, compare, cookies=cookies)
    assert NAME in str(messages)
    [fragment_id, *_] = {each.delta.fragment_id for each in messages} - {""}
    fragment = BackMsg()
    fragment.rerun_script.fragment_id = fragment_id
    assert NAME not in str(exchange(site.address, fragment, compare))
    for name in ("_streamlit_user", "_streamlit_xsrf"):
        forged = cookies | {name: cookies[name][:-2] + "xx"}
        assert NAME not in str(exchange(site.address, compare, cookies=forged)), name


def test_login_and_logout(site: Site, page: Page) -> None:
    page.goto(f"{site.address}/compare?run=1")
    widget(page, "log_in").wait_for()
    assert NAME not in page.content()
    expect(page.locator("a[href*='compare']")).to_have_count(0)
    log_in(page, site)
    page.get_by_text("ada@example.org").wait_for()
    page.get_by_text(NAME).first.wait_for()
    click(page, "log_out")
    widget(page, "log_in").wait_for()
    assert NAME not in page.content()
    page.reload()
    widget(page, "log_in").wait_for()


def test_other_accounts_are_rejected(site: Site, page: Page) -> None:
    page.goto(site.address)
    for claims in (
        {"email": "eve@example.org", "email_verified": True},
        {"email": "ada@example.org", "email_verified": False},
        {"name": "ada@example.org"},
        {"email": "\N{KELVIN SIGN}im@example.org", "email_verified": True},
    ):
        site.provider.claims = claims
        click(page, "log_in")
        page.get_by_test_id("stAlert").wait_for()
        assert NAME not in page.content()
        click(page, "log_out")
        widget(page, "log_in").wait_for()


def test_secrets_are_in_no_log_and_no_file(site: Site) -> None:
    """This test is the last one because it reads what the logins above have written."""
    written = [site.log, *(each for each in site.home.rglob("*") if each.is_file())]
    for path in written:
        content = path.read_bytes()
        for secret in (CLIENT_SECRET, COOKIE_SECRET):
            assert secret.encode() not in content, path
    assert "Traceback" not in site.log.read_text()
