"""The login: nothing of the store before it, by a browser or by messages of one's own."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.util import calc_hash
from websockets.sync.client import connect

from s2s.config import TrainConfig
from s2s.store import Store
from tests.browser import provider, serving
from tests.browser.provider import CLIENT, CLIENT_SECRET, Provider
from tests.plausible import ended

pytestmark = pytest.mark.browser

NAME = "the-secret-run"
COOKIE_SECRET = "planted-cookie-secret-of-the-test"
PAGES = ("train", "sweep", "replay", "compare", "advisor", "translate", "corpora", "system")


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
        store.rename_run(ended(store, TrainConfig()), NAME)
    with provider.provided() as provided:
        secrets.write_text(
            "[auth]\n"
            'redirect_uri = "http://localhost:{port}/oauth2callback"\n'
            f'cookie_secret = "{COOKIE_SECRET}"\n'
            f'client_id = "{CLIENT}"\nclient_secret = "{CLIENT_SECRET}"\n'
            f'server_metadata_url = "{provided.address}/.well-known/openid-configuration"\n'
            '[login]\nallowed_emails = ["Ada@example.org", "kim@example.org"]\n'
        )
        with serving.served(home, log, f"--secrets.files={secrets}") as address:
            yield Site(address, provided, log, home)


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """In a browser that knows nothing of an earlier login."""
    site.provider.claims = {"email": "ada@example.org", "email_verified": True}
    context = browser.new_context()
    context.set_default_timeout(serving.WAIT_MS)
    yield context.new_page()
    context.close()


def received(address: str, *messages: BackMsg, **cookies: str) -> list[ForwardMsg]:
    """All that the server tells a socket that sends these, until the last has run to its end."""
    got: list[ForwardMsg] = []
    with connect(
        f"{address.replace('http', 'ws')}/_stcore/stream",
        subprotocols=["streamlit", cookies.get("_streamlit_xsrf", "none")],
        additional_headers={"Cookie": "; ".join(f"{each}={cookies[each]}" for each in cookies)},
        origin=address,
        max_size=None,
    ) as socket:
        for message in messages:
            socket.send(message.SerializeToString())
        while True:
            told = ForwardMsg.FromString(socket.recv(timeout=60, decode=False))
            got.append(told)
            over = told.WhichOneof("type") == "script_finished"
            if over and told.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return got


def page_message(name: str) -> BackMsg:
    message = BackMsg()
    script = Path(serving.PROJECT, "pages", f"{name}.py")
    message.rerun_script.page_name = name
    message.rerun_script.page_script_hash = calc_hash(str(script))
    message.rerun_script.query_string = "run=1"
    return message


def log_in(page: Page, site: Site) -> None:
    page.goto(site.address)
    page.get_by_role("button", name="Log in").click()


def test_messages_of_ones_own_bring_nothing(site: Site, page: Page) -> None:
    """First of all, while Streamlit still takes each file of `pages/` for an app of its own."""
    for name in PAGES:
        assert NAME not in str(received(site.address, page_message(name))), name

    log_in(page, site)  # and the same message brings it to who is logged in
    page.get_by_text("Nothing is training").wait_for()
    cookies = {each["name"]: each["value"] for each in page.context.cookies()}
    compare = page_message("compare")
    told = received(site.address, compare, **cookies)
    assert NAME in str(told)
    fragments = {each.delta.fragment_id for each in told} - {""}
    assert fragments
    for fragment_id in fragments:
        fragment = BackMsg()
        fragment.rerun_script.fragment_id = fragment_id
        assert NAME not in str(received(site.address, fragment, compare))
    for name in ("_streamlit_user", "_streamlit_xsrf"):
        changed = cookies | {name: cookies[name][:-2] + "xx"}
        assert NAME not in str(received(site.address, compare, **changed)), name


def test_each_page_asks_first(site: Site, page: Page) -> None:
    for name in PAGES:
        page.goto(f"{site.address}/{name}?run=1")
        page.get_by_role("button", name="Log in").wait_for()
        assert NAME not in page.content(), name
        expect(page.locator("a[href*='compare']")).to_have_count(0)


def test_a_login_and_a_way_out(site: Site, page: Page) -> None:
    log_in(page, site)
    page.get_by_text("Nothing is training").wait_for()
    page.get_by_text("ada@example.org").wait_for()
    page.get_by_text(NAME).first.wait_for()
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("button", name="Log in").wait_for()
    assert NAME not in page.content()
    page.reload()
    page.get_by_role("button", name="Log in").wait_for()


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "eve@example.org", "email_verified": True},
        {"email": "ada@example.org", "email_verified": False},
        {"name": "ada@example.org"},
        {"email": "\N{KELVIN SIGN}im@example.org", "email_verified": True},
    ],
)
def test_who_is_not_on_the_list_is_not_let_in(
    site: Site, page: Page, claims: dict[str, object]
) -> None:
    site.provider.claims = claims
    log_in(page, site)
    page.get_by_text("may not use this dashboard").wait_for()
    assert NAME not in page.content()
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("button", name="Log in").wait_for()


def test_secrets_are_in_no_log_and_no_file(site: Site) -> None:
    """Last: of all that the logins above have written."""
    written = [site.log, *(each for each in site.home.rglob("*") if each.is_file())]
    for path in written:
        content = path.read_bytes()
        for secret in (CLIENT_SECRET, COOKIE_SECRET):
            assert secret.encode() not in content, path
    assert "Traceback" not in site.log.read_text()
