"""What every journey of a client shares: where the gateway is, and a receiver of notifications.

The test in `tests/it/clients.rs` starts a gateway, gets a token as a machine client does (client credentials with a signed
assertion) and another as an app that a resident logs in to, and tells them in the environment.
"""

import json
import os
import queue
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

BASE = os.environ["GATEWAY_URL"].rstrip("/")
MACHINE_TOKEN = os.environ["MACHINE_TOKEN"]
RESIDENT_TOKEN = os.environ["RESIDENT_TOKEN"]
# The resident as the app knows them.
PERSON = os.environ["RESIDENT"]
RECEIVER = os.environ["RECEIVER_URL"]
TENANT = "tsuno"

HOST = urlsplit(BASE).hostname
PORT = urlsplit(BASE).port

# Nothing here waits for time to pass; a notification that never comes ends the test.
PATIENCE = 30


class Receiver:
    """Where notifications arrive, at the address that the gateway was told to allow."""

    def __init__(self):
        arrived = queue.Queue()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                arrived.put(json.loads(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        where = urlsplit(RECEIVER)
        self._arrived = arrived
        self._server = HTTPServer((where.hostname, where.port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def next(self):
        """The next notification."""
        return self._arrived.get(timeout=PATIENCE)
