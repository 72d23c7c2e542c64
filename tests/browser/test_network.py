"""A real server: where it listens, whom it answers, and what it hands out."""

import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from s2s.config import TrainConfig
from s2s.store import Store
from tests.browser import serving
from tests.plausible import ended

NAME = "the-secret-run"
FOREIGN = "http://attack.example"


@dataclass
class Site:
    address: str
    log: Path

    @property
    def port(self) -> int:
        port = urlsplit(self.address).port
        assert port
        return port

    def listens_on(self) -> set[str]:
        connections = psutil.net_connections("tcp")
        return {
            each.laddr.ip
            for each in connections
            if each.status == psutil.CONN_LISTEN and each.laddr.port == self.port
        }

    def page(self, name: str, host: str | None = None, origin: str | None = None) -> str:
        """What a visitor is told who asks for a page under that name."""
        message = BackMsg()
        message.rerun_script.page_name = name
        host = host or f"localhost:{self.port}"
        told = []
        reached = socket.create_connection(("localhost", self.port))
        with connect(
            f"ws://{host}/_stcore/stream",
            sock=reached,
            subprotocols=["streamlit"],
            origin=origin or f"http://{host}",
            max_size=None,
        ) as stream:
            stream.send(message.SerializeToString())
            while True:
                told.append(ForwardMsg.FromString(stream.recv(timeout=60, decode=False)))
                over = told[-1].WhichOneof("type") == "script_finished"
                if over and told[-1].script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    return str(told)


def started(folder: Path, *options: str) -> Iterator[Site]:
    with closing(Store(folder / "home")) as store:
        store.rename_run(ended(store, TrainConfig()), NAME)
    with serving.served(folder / "home", folder / "log", *options) as address:
        yield Site(address, folder / "log")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from started(tmp_path_factory.mktemp("local"))


@pytest.fixture(scope="module")
def open_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    options = ("--server.address=0.0.0.0", "--server.allowedHosts=box.example")
    yield from started(tmp_path_factory.mktemp("open"), *options)


def test_it_listens_on_this_machine_only(site: Site) -> None:
    assert site.listens_on() <= {"127.0.0.1", "::1"}
    assert site.listens_on()
    assert "more than localhost" not in site.page("system")
    assert "more than localhost" not in site.log.read_text()


def test_it_listens_to_the_network_when_told_so_and_says_it(open_site: Site) -> None:
    assert open_site.listens_on() == {"0.0.0.0"}
    assert "it listens on more than localhost" in open_site.page("system", "box.example:8501")
    assert "it listens on more than localhost" in open_site.log.read_text()


@pytest.mark.parametrize("host", ["attack.example", "attack.example:8501", "127.0.0.1.a.example"])
def test_under_a_foreign_name_it_shows_nothing(site: Site, host: str) -> None:
    """What DNS rebinding makes a browser ask for; its Origin is then the same.

    Without a socket there is no session, for which alone an upload is taken.
    """
    with pytest.raises(InvalidStatus, match="403"):
        site.page("compare", host)


def test_on_the_network_only_its_names_are_answered(open_site: Site) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        open_site.page("compare", "attack.example")


@pytest.mark.parametrize(
    "origin", ["http://localhost:9999", "http://127.0.0.1", "http://0.0.0.0:1"]
)
def test_a_page_of_another_port_is_shown_nothing(site: Site, origin: str) -> None:
    """Streamlit gives it a socket, by its host alone."""
    told = site.page("compare", origin=origin)
    assert NAME not in told
    assert "open it under its own address" in told


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:8501", "LOCALHOST"])
def test_under_its_own_names_it_shows_all(site: Site, host: str) -> None:
    assert NAME in site.page("compare", host)


@pytest.mark.parametrize("origin", [FOREIGN, "http://localhost.attack.example", "null"])
def test_a_page_of_another_site_gets_no_socket(site: Site, origin: str) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        site.page("compare", origin=origin)


def test_no_answer_is_for_every_site(site: Site) -> None:
    for path in ("", "_stcore/health", "_stcore/host-config", "app/static/plotly.min.js"):
        answer = requests.get(f"{site.address}/{path}", headers={"Origin": FOREIGN}, timeout=30)
        assert answer.status_code == 200
        allowed = answer.headers.get("Access-Control-Allow-Origin")
        if path != "app/static/plotly.min.js":  # a public file, the same for everybody
            assert allowed is None, path


def test_an_upload_without_its_token_is_refused(site: Site) -> None:
    url = f"{site.address}/_stcore/upload_file/session/file"
    files = {"file": ("x.tsv", b"a\tb\n")}
    session = requests.Session()
    session.get(f"{site.address}/_stcore/health", timeout=30)
    token = session.cookies["_streamlit_xsrf"]
    without = [
        requests.put(url, files=files, timeout=30),
        session.put(url, files=files, timeout=30),
        session.put(url, files=files, headers={"X-Xsrftoken": token[:-2] + "xx"}, timeout=30),
        requests.put(url, files=files, headers={"X-Xsrftoken": token}, timeout=30),
    ]
    assert [each.status_code for each in without] == [403] * 4
    # With it the token is fine; there is no such session.
    known = session.put(url, files=files, headers={"X-Xsrftoken": token}, timeout=30)
    assert known.status_code == 400


def raw(site: Site, path: str) -> tuple[int, bytes]:
    """A path sent as it is, which clients would put in order first."""
    with socket.create_connection(("localhost", site.port), timeout=30) as reached:
        reached.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        answer = b"".join(iter(lambda: reached.recv(65536), b""))
    return int(answer.split()[1]), answer


@pytest.mark.parametrize(
    "path",
    [
        "../dashboard.py", "..%2fdashboard.py", "%2e%2e/dashboard.py", "..%5cdashboard.py",
        "x/../../dashboard.py", "/etc/passwd", "%2fetc%2fpasswd", "..%252fdashboard.py",
        "....//dashboard.py", "plotly.min.js%00.py", ".", "",
    ],
)  # fmt: skip
def test_nothing_but_plotly_is_served_as_a_file(site: Site, path: str) -> None:
    for prefix in ("/app/static/", "/app/static/../", "/static/", "/media/", "/component/"):
        _, answer = raw(site, f"{prefix}{path}")
        assert b"The door of the dashboard" not in answer
        assert b"root:" not in answer
    status, _ = raw(site, f"/app/static/{path}")
    assert status in (400, 403, 404)


def test_the_one_file_is_plotly(site: Site) -> None:
    here = {each.name for each in Path(serving.PROJECT, "static").iterdir()}
    assert here - {".gitkeep"} == {"plotly.min.js"}
    served = requests.get(f"{site.address}/app/static/plotly.min.js", timeout=30).content
    assert served == files("plotly").joinpath("package_data", "plotly.min.js").read_bytes()


def test_no_program_can_drive_it(site: Site) -> None:
    for path in ("interact", "mcp"):
        answer = requests.post(f"{site.address}/_stcore/agent/{path}", json={}, timeout=30)
        assert answer.status_code >= 400, path
        assert NAME not in answer.text
