"""A store in a bucket of a real S3 server on this machine (moto), which sends what a test makes of its answers."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

BUCKET = "models"


@dataclass(frozen=True)
class Reply:
    """What goes back for a request; `headers` say the length of what the server meant to send."""

    path: str
    status: str
    headers: list[tuple[str, str]]
    body: bytes

    def failing(self, status: str, code: str) -> "Reply":
        """An error of S3's instead."""
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code} it is</Message></Error>".encode()
        return replace(self, status=status, headers=[("Content-Length", str(len(body)))], body=body)

    def cut(self, length: int) -> "Reply":
        """The same, of which no more than so many bytes arrive."""
        return replace(self, body=self.body[:length])


@dataclass
class Bucket:
    """The server, its bucket's URL, and `spoil`, which sees every reply to a GET of a blob before it is sent."""

    endpoint: str = ""
    url: str = f"s3://{BUCKET}/store"
    spoil: Callable[[Reply], Reply] = lambda reply: reply
    gets: list[str] = field(default_factory=list[str])

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to read it, in the way that all tools for S3 do."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "someone",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "2",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def behind(self, app: Any) -> Any:
        """The application between the server and whoever asks."""

        def answer(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
            said: list[Any] = []
            body = b"".join(app(environ, lambda *start: said.extend(start)))
            path = environ["PATH_INFO"]
            reply = Reply(path, said[0], said[1], body)
            if environ["REQUEST_METHOD"] == "GET" and "/blobs/" in path:
                self.gets.append(path)
                reply = self.spoil(reply)
            start_response(reply.status, reply.headers)
            return [reply.body]

        return answer

    def upload(self, store: Path) -> None:
        """Copies a store into the bucket, as `aws s3 sync` would."""
        keys = self.environment
        client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            region_name=keys["AWS_DEFAULT_REGION"],
        )
        client.create_bucket(Bucket=BUCKET)
        for path in _files(store):
            client.upload_file(str(path), BUCKET, f"store/{path.relative_to(store)}")


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        pass


def _files(store: Path) -> Iterator[Path]:
    return (path for path in store.rglob("*") if path.is_file() and ".infc" not in path.parts)


@contextmanager
def bucket_of(store: Path) -> Generator[Bucket]:
    """A server with that store in a bucket."""
    bucket = Bucket()
    server = make_server(
        "127.0.0.1", 0, bucket.behind(DomainDispatcherApplication(create_backend_app)), threaded=True,
        request_handler=_Quiet,
    )  # fmt: skip
    bucket.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        bucket.upload(store)
        yield bucket
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
