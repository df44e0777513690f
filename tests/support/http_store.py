"""A store served over HTTP by a server that does as a test says: wrong bytes, cut off, slow."""

from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder; `spoil` may change or cut off what is sent."""

    spoil: ClassVar[Callable[[str, bytes], tuple[bytes, int]]]
    requests: ClassVar[list[str]]

    def do_GET(self) -> None:
        self.requests.append(self.path)
        try:
            data = Path(self.translate_path(self.path)).read_bytes()
        except OSError:
            self.send_error(404)
            return
        data, length = type(self).spoil(self.path, data)
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        with suppress(ConnectionError):  # who has read enough hangs up
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server:
    def __init__(self, folder: Path) -> None:
        self.spoil = lambda path, data: (data, len(data))
        self.requests: list[str] = []
        members = {"spoil": staticmethod(lambda path, data: self.spoil(path, data)), "requests": self.requests}
        handler = type("Serving", (Handler,), members)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @contextmanager
    def running(self) -> "Generator[Server]":
        thread = Thread(target=self.server.serve_forever, args=(0.01,))  # looks that often whether it is to end
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            thread.join()
            self.server.server_close()
