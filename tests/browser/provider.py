"""A small OpenID Connect provider that logs everyone in as one user, for the tests of the login.

Source: OpenID Connect Core 1.0 (authorization code flow) and Discovery 1.0.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

KEY = RSAKey.generate_key(2048, {"kid": "of-the-test"}, private=True)
CLIENT, CLIENT_SECRET = "s2s", "planted-client-secret"


class Provider(ThreadingHTTPServer):
    """A provider with the `claims` of the user who logs in, which tests change."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://localhost:{self.server_address[1]}"
        self.claims: dict[str, object] = {"email": "ada@example.org", "email_verified": True}
        self.nonce = ""


class Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        request = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(request.query).items()}
        address = self.server.address
        if request.path == "/.well-known/openid-configuration":
            self._json(
                {
                    "issuer": address,
                    "authorization_endpoint": f"{address}/authorize",
                    "token_endpoint": f"{address}/token",
                    "jwks_uri": f"{address}/jwks",
                    "id_token_signing_alg_values_supported": ["RS256"],
                }
            )
        elif request.path == "/jwks":
            self._json({"keys": [KEY.as_dict(private=False)]})
        elif request.path == "/authorize":
            self.server.nonce = query["nonce"]
            answer = urlencode({"code": "code", "state": query["state"]})
            self.send_response(302)
            self.send_header("Location", f"{query['redirect_uri']}?{answer}")
            self.end_headers()
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        now = int(time.time())
        claims = {
            "iss": self.server.address, "aud": CLIENT, "sub": "1", "iat": now, "exp": now + 600,
            "nonce": self.server.nonce, **self.server.claims,
        }  # fmt: skip
        token = jwt.encode({"alg": "RS256", "kid": "of-the-test"}, claims, KEY)
        self._json({"access_token": "access", "token_type": "Bearer", "id_token": token})

    def _json(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the requests out of the test's output."""


@contextmanager
def run_provider() -> Iterator[Provider]:
    provider = Provider()
    thread = threading.Thread(target=provider.serve_forever, daemon=True)
    thread.start()
    yield provider
    provider.shutdown()
    provider.server_close()
    thread.join()
