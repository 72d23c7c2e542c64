"""A real server: its addresses, the requests it answers, and the files it serves."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import psutil
import pytest
import requests
from websockets.exceptions import InvalidStatus

from s2s.config import TrainConfig
from s2s.store import Store
from tests.browser.serving import PROJECT, serve_dashboard
from tests.browser.websocket import exchange, request_page
from tests.plausible import add_ended_run

NAME = "the-secret-run"
FOREIGN = "http://attack.example"
WARNING = "listens on more than localhost"
PLOTLY = "/component/pages.shared.chart.plotly/"


@dataclass
class Site:
    address: str
    log: Path

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def list_listening_addresses(self) -> set[str]:
        connections = psutil.net_connections("tcp")
        listening = [each.laddr for each in connections if each.status == psutil.CONN_LISTEN]
        return {each.ip for each in listening if each.port == self.port}

    def request(self, page: str, host: str | None = None, origin: str | None = None) -> str:
        return str(exchange(self.address, request_page(page), host=host, origin=origin))


@contextmanager
def start(folder: Path, *options: str) -> Iterator[Site]:
    with closing(Store(folder / "home")) as store:
        store.rename_run(add_ended_run(store, TrainConfig()), NAME)
    with serve_dashboard(folder / "home", folder / "log", *options) as address:
        yield Site(address, folder / "log")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start(tmp_path_factory.mktemp("local")) as site:
        yield site


def test_the_server_listens_on_localhost_only(site: Site) -> None:
    addresses = site.list_listening_addresses()
    assert addresses
    assert addresses <= {"127.0.0.1", "::1"}
    assert WARNING not in site.request("system") + site.log.read_text()


def test_a_server_that_listens_to_the_network_warns(tmp_path: Path) -> None:
    options = ("--server.address=0.0.0.0", "--server.allowedHosts=box.example")
    with start(tmp_path, *options) as site:
        assert site.list_listening_addresses() == {"0.0.0.0"}
        assert WARNING in site.request("system", "box.example:8501")
        assert WARNING in site.log.read_text()
        with pytest.raises(InvalidStatus, match="403"):
            site.request("compare", "attack.example")


def test_a_foreign_host_or_origin_gets_no_socket(site: Site) -> None:
    """Without a socket there is no session, which an upload needs."""
    # DNS rebinding makes a browser send a foreign host, with the same origin.
    for host in ("attack.example:8501", "127.0.0.1.a.example"):
        with pytest.raises(InvalidStatus, match="403"):
            site.request("compare", host)
    for origin in (FOREIGN, "http://localhost.attack.example", "null"):
        with pytest.raises(InvalidStatus, match="403"):
            site.request("compare", origin=origin)


def test_an_origin_of_another_port_sees_nothing(site: Site) -> None:
    """Streamlit gives it a socket, because it compares hosts only."""
    for origin in ("http://localhost:9999", "http://127.0.0.1", "http://0.0.0.0:1"):
        assert NAME not in site.request("compare", origin=origin)
    for own_host in ("127.0.0.1", "[::1]:8501", "LOCALHOST"):
        assert NAME in site.request("compare", own_host)


def test_no_response_is_shared_with_other_sites(site: Site) -> None:
    for path in ("", "_stcore/health", "_stcore/host-config"):
        answer = requests.get(f"{site.address}/{path}", headers={"Origin": FOREIGN}, timeout=30)
        assert answer.status_code == 200
        assert answer.headers.get("Access-Control-Allow-Origin") is None, path


def test_an_upload_needs_its_token(site: Site) -> None:
    url = f"{site.address}/_stcore/upload_file/session/file"
    files = {"file": ("x.tsv", b"a\tb\n")}
    session = requests.Session()
    session.get(f"{site.address}/_stcore/health", timeout=30)
    token = session.cookies["_streamlit_xsrf"]
    refused = [
        session.put(url, files=files, timeout=30),
        session.put(url, files=files, headers={"X-Xsrftoken": token[:-2] + "xx"}, timeout=30),
        requests.put(url, files=files, headers={"X-Xsrftoken": token}, timeout=30),
    ]
    assert [each.status_code for each in refused] == [403] * 3
    # With the token and its cookie, only the session is missing.
    accepted = session.put(url, files=files, headers={"X-Xsrftoken": token}, timeout=30)
    assert accepted.status_code == 400


def get(site: Site, path: str) -> tuple[int, bytes]:
    """Send a path unchanged, which HTTP clients would normalize."""
    with socket.create_connection(("localhost", site.port), timeout=30) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return int(answer.split()[1]), answer


def test_no_file_but_plotly_is_served(site: Site) -> None:
    site.request("compare")  # a page with charts
    script = (PROJECT / "dashboard.py").read_bytes().splitlines()[0]
    for path in (
        "../dashboard.py", "..%2fdashboard.py", "%2e%2e/dashboard.py", "..%5cdashboard.py",
        "x/../../dashboard.py", "/etc/passwd", "%2fetc%2fpasswd", "..%252fdashboard.py",
        "....//dashboard.py", "plotly.min.js%00.py", ".", "",
    ):  # fmt: skip
        for prefix in (PLOTLY, f"{PLOTLY}../", "/static/", "/media/", "/component/"):
            status, answer = get(site, f"{prefix}{path}")
            assert script not in answer, path
            assert b"root:" not in answer, path
            assert prefix != PLOTLY or status in (400, 403, 404), path
    content = requests.get(f"{site.address}{PLOTLY}plotly.min.js", timeout=30).content
    assert content == files("plotly").joinpath("package_data", "plotly.min.js").read_bytes()


def test_streamlits_agent_api_is_off(site: Site) -> None:
    for path in ("interact", "mcp"):
        answer = requests.post(f"{site.address}/_stcore/agent/{path}", json={}, timeout=30)
        assert answer.status_code >= 400, path
        assert NAME not in answer.text
