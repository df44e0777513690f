"""A served toy model for the client's tests."""

from collections.abc import Iterator

import pytest

from support.oip_server import Fake, linear, serving


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the person who runs the tests does not matter."""
    for name in ("INFC_POOL", "INFC_TOKEN", "INFC_TIMEOUT", "INFC_AUTOLOAD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def toy() -> Iterator[Fake]:
    """`relu(x @ W + b)` as model `toy`, served on loopback."""
    with serving(linear()) as fake:
        yield fake
