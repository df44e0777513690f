"""Pointer files: recognised by their magic alone, and read strictly."""

import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infc.errors import ArtifactError
from infc.remote.client.pointer import MAX_SIZE, Pointer, is_pointer, read_pointer
from infc.remote.client.signature import Parameter, Signature, Tree

GOOD = {
    "kind": "module",
    "model": "minilm",
    "digest": "sha256:" + "0" * 64,
    "interface": "sha256:" + "f" * 64,
    "pool": "127.0.0.1:8500",
}
TAKES = '[["ids", "either", true, ["tensor", "ids"]], ["fast", "keyword", false, ["fixed", true]]]'
RETURNS = '["tuple", [["tensor", "a"], ["none"]]]'
METHOD = f'[[methods]]\nname = "main"\ntakes = {TAKES}\nreturns = {RETURNS}'
SIGNATURE = Signature(
    "main",
    (
        Parameter("ids", "either", True, Tree("tensor", "ids")),
        Parameter("fast", "keyword", False, Tree("fixed", value=True)),
    ),
    Tree("tuple", items=(Tree("tensor", "a"), Tree("none"))),
)


def text(first: str = "infc pointer v2", methods: str = METHOD, **changes: str | None) -> bytes:
    """A pointer file with some fields changed (given as TOML), or left out where the value is None."""
    good = {key: f'"{value}"' for key, value in GOOD.items()}
    fields = [f"{key} = {value}" for key, value in (good | changes).items() if value is not None]
    return "\n".join([first, *fields, methods]).encode()


def test_a_good_one_from_path_pathlike_and_file_objects(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(text())
    with path.open("rb") as file:
        for source in (path, str(path), file, io.BytesIO(text())):
            assert is_pointer(source)
            assert read_pointer(source) == Pointer(**GOOD, methods=(SIGNATURE,))  # type: ignore[arg-type]


def test_line_ends_of_windows_are_fine() -> None:
    assert read_pointer(io.BytesIO(text().replace(b"\n", b"\r\n"))).model == "minilm"


def test_a_file_object_is_put_back_and_read_from_where_it_is() -> None:
    file = io.BytesIO(b"before" + text())
    assert not is_pointer(file)
    assert file.tell() == 0
    file.seek(6)
    assert is_pointer(file)
    assert file.tell() == 6
    assert read_pointer(file).model == "minilm"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (text(first="infc pointer v1"), "version '1', expected 2"),
        (text(first="infc pointer v"), "version '', expected 2"),
        (text(first="infc pointer v2 beta"), "version '2 beta', expected 2"),
        (b"PK\x03\x04", "its first line is b'PK"),
        (b"", "its first line is b''"),
        (text(pool=None), "field 'pool' is missing"),
        (text(extra='"1"'), "unknown field 'extra'"),
        (text(model="7"), "model is 7, expected a string"),
        (text(model='""'), "model is '', expected a printable name"),
        (text(model='"a\\nb"'), "model is 'a\\nb', expected a printable name"),
        (text(digest='"sha256:12"'), "digest is 'sha256:12', expected 'sha256:' and 64"),
        (text(interface='"md5:12"'), "interface is 'md5:12'"),
        (text(kind='"state_dict"'), "kind is 'state_dict', expected 'module'"),
        (text(methods=""), "field 'methods' is missing"),
        (text(methods="methods = 7"), "methods is no list of tables"),
        (text(methods="methods = []"), "methods is no list of tables"),
        (text(methods="methods = [7]"), "7 is no method"),
        (text(methods=METHOD + "\nmore = 1"), "is no method, expected name, takes and returns"),
        (text(methods=f"{METHOD}\n{METHOD}"), "methods has two of one name"),
        (text(methods=METHOD.replace('"fast"', '"ids"')), "takes two arguments of one name"),
        (text(methods=METHOD.replace('"keyword"', '"varargs"')), "is no argument"),
        (text(methods=METHOD.replace("false", '"no"')), "is no argument"),
        (text(methods=METHOD.replace('["none"]', '["none", 1]')), "is no tree"),
        (text(methods=METHOD.replace('["none"]', '["fixed", [1]]')), "is no tree"),
        (text(methods=METHOD.replace('["none"]', '["mapping", ["k"], []]')), "are no keys for 0 values"),
        (text(methods=METHOD.replace('["none"]', '["record", "R", [1], [["none"]]]')), "are no keys for 1 values"),
        (text(methods=METHOD.replace('["none"]', '["mapping", [[1]], [["none"]]]')), "are no keys for 1 values"),
        (text(methods=METHOD.replace('["none"]', '["namedtuple", "T;x", ["a"], [["none"]]]')), "is no named tuple"),
        (text(methods=METHOD.replace('["none"]', '["tuple", [' * 40 + '["none"]' + "]]" * 40)), "more than 32 levels"),
        (text(pool='"dns:///evil"'), "'dns:///evil' is no address"),
        (text(pool="["), "no valid TOML"),
        (b"infc pointer v2\n\xff", "no valid TOML"),
        (b"infc pointer v2\na = " + b"[" * 5000, "no valid TOML"),
        (text() + b"#" * MAX_SIZE, "larger than 262144 bytes"),
    ],
)
def test_everything_else_is_refused_by_name(data: bytes, said: str) -> None:
    with pytest.raises(ArtifactError, match="not a pointer this infc understands") as refused:
        read_pointer(io.BytesIO(data))
    assert said in refused.value.message
    assert "infc codegen" in refused.value.hint


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_parse_or_be_refused(tail: bytes) -> None:
    with pytest.raises(ArtifactError):
        read_pointer(io.BytesIO(b"infc pointer v2\n" + tail))


def test_what_cannot_be_looked_at_is_no_pointer(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    closed = io.BytesIO(text())
    closed.close()
    for source in (
        tmp_path,
        tmp_path / "absent",
        pipe,
        "a\0b",
        b"bytes",
        None,
        7,
        closed,
        io.StringIO(text().decode()),
    ):
        assert not is_pointer(source)
