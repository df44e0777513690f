"""The `.proto` of a typed service: names that every language can take, and the same descriptor as protoc's."""

import keyword
import subprocess
import sys
from dataclasses import replace as changed
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from hypothesis import given
from hypothesis import strategies as st

from infc.codegen.proto_descriptor import descriptor_of
from infc.codegen.proto_names import field_names, pascal, rpc_names, snake
from infc.codegen.proto_view import proto_view
from infc.codegen.render import proto_file
from infc.codegen.service import Fields, Service, ServiceMethod, numbered
from infc.runtime.artifact import Interface
from infc.runtime.artifact import signature as sig

from support.configs import MODELS, service, tensor
from support.signatures import method
from support.strange import STRANGE

RICH = Service(
    "open-inference",
    (
        ServiceMethod(
            MODELS["dynamic"].interface.methods[0],
            Fields((7, 18999), ((1, "gone"), (9, "ids_2"))),
            Fields((2, 1)),
            'Says "so" */ over two\nlines.',
        ),
    ),
)
SERVICES = {case: service(case) for case in MODELS} | {"rich": RICH} | STRANGE


def compiled(view_of: Service, folder: Path) -> FileDescriptorSet:
    """What protoc makes of the text."""
    view = proto_view(view_of)
    (folder / view.file).write_bytes(proto_file(view))
    command = ["-m", "grpc_tools.protoc", f"-I{folder}", f"--descriptor_set_out={folder / 'set'}", view.file]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    return FileDescriptorSet.FromString((folder / "set").read_bytes())


@pytest.mark.parametrize("case", SERVICES)
def test_the_descriptor_is_what_protoc_makes_of_the_text(case: str, tmp_path: Path) -> None:
    expected = compiled(SERVICES[case], tmp_path)
    assert FileDescriptorSet.FromString(descriptor_of(proto_view(SERVICES[case]))) == expected


def test_a_docstring_is_a_comment_of_whole_lines() -> None:
    text = proto_file(proto_view(RICH)).decode()
    assert '  // Says "so" */ over two lines.\n  rpc Forward(' in text
    (method,) = RICH.methods
    long = Service("m", (changed(method, doc="word " * 60 + "\x1b[31m"),))
    lines = [line for line in proto_file(proto_view(long)).decode().splitlines() if "word" in line or "31m" in line]
    assert len(lines) == 3
    assert all(line.startswith("  // ") and len(line) <= 120 and line.isprintable() for line in lines)


def test_names_that_collide_in_any_case_are_told_apart(tmp_path: Path) -> None:
    names = ["a_b", "aB", "A-B", "a_b_2", "class", "class_", "constructor", "模型", "型", "2", "__proto__", ""]
    fields = field_names(names, "input")
    assert fields == [
        "a_b", "a_b_2", "a_b_3", "a_b_2_2", "class_", "class_2", "constructor_", "input", "input_2", "input_2_2",
        "proto_", "input_3",
    ]  # fmt: skip
    one = numbered(
        "ForwardRequest", Interface(methods=(method("main", [tensor(n or " ") for n in names], [tensor("y")]),))
    )
    assert proto_view(one).service == "ForwardRequestService"
    compiled(one, tmp_path)


def test_a_field_does_not_get_the_name_of_one_that_is_gone() -> None:
    assert [field.name for field in proto_view(RICH).methods[0].request.fields] == ["ids", "mask"]
    assert field_names(["ids"], "input", ["IDs_"]) == ["ids_2"]


@pytest.mark.parametrize(
    ("text", "field", "message"),
    [
        ("input_ids", "input_ids", "InputIds"),
        ("inputIDs", "input_ids", "InputIDs"),
        ("HTTPBody2x", "httpbody2x", "HTTPBody2x"),
        ("None", "none", "NoneM"),
        ("2.x", "f_2_x", "M2X"),
        ("from", "from_", "From"),
        ("", "f", "M"),
    ],
)
def test_names(text: str, field: str, message: str) -> None:
    assert (snake(text, fallback="f"), pascal(text, fallback="M")) == (field, message)


@given(st.lists(st.text(max_size=4), unique=True))
def test_different_texts_stay_different_in_every_language(texts: list[str]) -> None:
    for names in (field_names(texts, "field"), rpc_names(texts)):
        assert len({name.replace("_", "").lower() for name in names}) == len(texts)
        assert all(name.isidentifier() and name.isascii() and not keyword.iskeyword(name) for name in names)


def test_an_enormous_signature_is_emitted(tmp_path: Path) -> None:
    wide = method("main", [tensor(f"x{number}", "f32", 1) for number in range(4000)], [tensor("y")])
    assert len(compiled(numbered("wide", Interface(methods=(wide,))), tmp_path).file[0].message_type[0].field) == 4000
    assert isinstance(wide.returns, sig.Tensor)
