"""Which pool is called, with which token, for how long."""

import pytest

from infc.errors import RemoteError
from infc.remote.client.address import Endpoint, check_address, choose
from infc.remote.client.settings import Settings, autoload_wanted

DEFAULT = "pointer:1"


def test_argument_then_environment_then_pointer() -> None:
    there = Settings(pool="environment:1")
    assert choose("argument:1", None, there, DEFAULT).address == "argument:1"
    assert choose(None, None, there, DEFAULT).address == "environment:1"
    assert choose(None, None, Settings(), DEFAULT).address == DEFAULT


def test_the_environments_token_never_goes_to_a_pool_that_only_a_file_names() -> None:
    assert choose(None, None, Settings(token="secret"), DEFAULT) == Endpoint(DEFAULT, None)
    assert choose(None, None, Settings(pool="mine:1", token="secret"), DEFAULT) == Endpoint("mine:1", "secret")
    assert choose("mine:2", None, Settings(token="secret"), DEFAULT) == Endpoint("mine:2", "secret")
    assert choose(None, "given", Settings(), DEFAULT) == Endpoint(DEFAULT, "given")


def test_tokens_are_not_shown() -> None:
    assert "secret" not in repr(Endpoint("a:1", "secret")) + repr(Settings(token="secret"))


@pytest.mark.parametrize(
    "address", ["127.0.0.1:8500", "pool.example.org:1", "[::1]:8500", "unix:/run/infc.sock", "a:65535"]
)
def test_good_addresses(address: str) -> None:
    assert check_address(address) == address


@pytest.mark.parametrize(
    "address",
    ["", "host", "host:0", "host:65536", "http://host:1", "dns:///h:1", "a:1,b:2", "a b:1", "unix:", "a:1\n", "a:٣"],
)
def test_bad_addresses(address: str) -> None:
    with pytest.raises(RemoteError, match="is no address of a pool, expected HOST:PORT or unix:/path"):
        check_address(address)


def test_the_environment_is_read_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.from_environment() == Settings(None, None, 60.0)
    monkeypatch.setenv("INFC_POOL", "")
    monkeypatch.setenv("INFC_TIMEOUT", "2.5")
    assert Settings.from_environment() == Settings(None, None, 2.5)
    for wrong in ("soon", "0", "-1", "inf", "nan"):
        monkeypatch.setenv("INFC_TIMEOUT", wrong)
        with pytest.raises(RemoteError, match=f"INFC_TIMEOUT is '{wrong}'"):
            Settings.from_environment()


def test_a_token_with_a_line_break_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFC_TOKEN", "secret\n")
    with pytest.raises(RemoteError, match="INFC_TOKEN holds a character") as refused:
        Settings.from_environment()
    assert "secret" not in refused.value.message


@pytest.mark.parametrize(("value", "wanted"), [("1", True), ("TRUE", True), ("0", False), ("", False), ("no", False)])
def test_autoload_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch, value: str, wanted: bool) -> None:
    monkeypatch.setenv("INFC_AUTOLOAD", value)
    assert autoload_wanted() is wanted
