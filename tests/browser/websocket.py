"""Requests for pages over a websocket, without a browser."""

import socket
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect


def request_page(name: str, query: str = "") -> BackMsg:
    """Return the message that asks for a page."""
    message = BackMsg()
    message.rerun_script.page_name = name
    message.rerun_script.query_string = query
    return message


def exchange(
    address: str,
    *messages: BackMsg,
    host: str | None = None,
    origin: str | None = None,
    cookies: dict[str, str] | None = None,
) -> list[ForwardMsg]:
    """Send messages and return everything the server sends until the last script has ended.

    Args:
        host: The `Host` header; by default the server's own.
        origin: The `Origin` header; by default that of `host`.
        cookies: Cookies of a browser that has logged in.
    """
    cookies = cookies or {}
    own_host, port = urlsplit(address).hostname, urlsplit(address).port
    host = host or f"{own_host}:{port}"
    received: list[ForwardMsg] = []
    with connect(
        f"ws://{host}/_stcore/stream",
        sock=socket.create_connection((own_host, port)),
        subprotocols=["streamlit", cookies.get("_streamlit_xsrf", "none")],
        additional_headers={"Cookie": "; ".join(f"{key}={cookies[key]}" for key in cookies)},
        origin=origin or f"http://{host}",
        max_size=None,
    ) as stream:
        for message in messages:
            stream.send(message.SerializeToString())
        while True:
            answer = ForwardMsg.FromString(stream.recv(timeout=60, decode=False))
            received.append(answer)
            is_finished = answer.WhichOneof("type") == "script_finished"
            if is_finished and answer.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return received
