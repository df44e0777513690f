"""A store in a bucket, read through a real S3 server: chunks come on demand, and no fault of it gives a wrong byte."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from infc.errors import ArtifactError, UsageError
from infc.runtime.store import Store, check

from support.artifacts import linear_reference
from support.pool import serving
from support.stores import CHUNK, blob_files, fine_tune

pytest.importorskip("s3fs", reason="fsspec reads s3 with s3fs, which is not installed: pip install 'infc[s3]'")
pytest.importorskip("moto", reason="moto, the S3 server of the tests, is not installed: pip install 'infc[dev]'")

from support.s3_store import Bucket, Reply, bucket_of

Spoil = Callable[[Reply], Reply]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Generator[Bucket]:
    folder = tmp_path_factory.mktemp("origin")
    store = Store(folder / "store")
    store.add(fine_tune(folder / "0.infc", 0, chunks=1))
    with bucket_of(store.path) as made:
        yield made


@pytest.fixture
def bucket(served: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    for name, value in served.environment.items():
        monkeypatch.setenv(name, value)
    yield served
    served.spoil = lambda reply: reply


@pytest.fixture
def lazy(bucket: Bucket, tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.fetch(bucket.url, "tune0", lazy=True)
    bucket.gets.clear()
    return store


def chunk_replies(spoil: Spoil, times: int = 1_000_000) -> Spoil:
    """Spoils so many replies with a whole chunk; all others are sent as they are."""
    left = times

    def spoiled(reply: Reply) -> Reply:
        nonlocal left
        if len(reply.body) < CHUNK or not left:
            return reply
        left -= 1
        return spoil(reply)

    return spoiled


def garbage(reply: Reply) -> Reply:
    return replace(reply, body=b"x" + reply.body[1:])


def unsigned_garbage(reply: Reply) -> Reply:
    """Garbage that S3's own checksum does not give away: only the chunk's digest does."""
    headers = [(name, value) for name, value in reply.headers if "checksum" not in name.lower()]
    return replace(garbage(reply), headers=headers)


def test_a_pool_computes_on_chunks_that_come_from_a_bucket_when_they_are_used(lazy: Store, bucket: Bucket) -> None:
    assert CHUNK not in blob_files(lazy.path).values()
    x = np.random.default_rng(5).standard_normal((2, 8), dtype=np.float32)
    with serving(options=["--store", lazy.path]) as pool:
        assert not bucket.gets
        assert np.allclose(pool.infer("tune0", x=x)["output_0"], linear_reference(x, 0), atol=1e-5)
        assert len(bucket.gets) == 2
        pool.infer("tune0", x=x)
    assert len(bucket.gets) == 2
    assert (check(lazy.path).problems, check(lazy.path).absent) == ((), 0)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda reply: reply.failing("503 Slow Down", "SlowDown"),
        lambda reply: reply.cut(1000),
        garbage,
        unsigned_garbage,
    ],
    ids=["too busy", "cut off", "garbage", "unsigned garbage"],
)
def test_a_fault_that_passes_is_not_seen(lazy: Store, bucket: Bucket, spoil: Spoil) -> None:
    bucket.spoil = chunk_replies(spoil, 1)
    with lazy.open("tune0", check=True):
        pass
    assert len(bucket.gets) > 2  # it was asked for again


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda reply: reply.failing("403 Forbidden", "AccessDenied"), "PermissionError"),
        (lambda reply: reply.failing("404 Not Found", "NoSuchKey"), "FileNotFoundError"),
        (lambda reply: reply.failing("500 Internal Server Error", "InternalError"), "InternalError"),
        (garbage, "FlexibleChecksumError"),
        (unsigned_garbage, "came as 2097152 bytes of digest"),
    ],
    ids=["forbidden", "not there", "broken", "garbage", "unsigned garbage"],
)
def test_a_fault_that_stays_is_said_and_leaves_nothing(lazy: Store, bucket: Bucket, spoil: Spoil, message: str) -> None:
    bucket.spoil = chunk_replies(spoil)
    with pytest.raises(ArtifactError, match=message) as caught:
        lazy.open("tune0", check=True)
    assert "s3://" in str(caught.value)
    assert ("credentials" in (caught.value.hint or "")) == (message == "PermissionError")
    assert CHUNK not in blob_files(lazy.path).values()
    assert check(lazy.path).problems == ()
    bucket.spoil = lambda reply: reply
    with lazy.open("tune0", check=True):  # the next one asks again
        pass


def test_what_is_no_store_in_a_bucket(bucket: Bucket, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"FileNotFoundError: .*bucket does not exist"):
        Store(tmp_path / "store").fetch("s3://another/store", "tune0")
    with pytest.raises(ArtifactError, match=r"FileNotFoundError: models/other/index\.json"):
        Store(tmp_path / "store").fetch("s3://models/other", "tune0")


def test_credentials_that_are_missing_are_asked_for(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()  # it keeps a connection, and with it who asked first
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(ArtifactError, match="NoCredentialsError") as caught:
        Store(tmp_path / "store").fetch(bucket.url, "tune0")
    assert "AWS_ACCESS_KEY_ID" in (caught.value.hint or "")
    s3fs.S3FileSystem.clear_instance_cache()


def test_an_address_is_no_directory_of_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="is an address, not a directory") as caught:
        Store(Path("s3://models/store")).add("x.infc")
    assert "--lazy" in (caught.value.hint or "")
    assert not list(tmp_path.iterdir())
