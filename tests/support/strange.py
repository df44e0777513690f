"""Interfaces that a compiler of names can trip over: words of the languages, other scripts, collisions, every dtype."""

import keyword
from typing import get_args

from infc.codegen.service import Service, ServiceMethod, numbered
from infc.runtime.artifact import Dim, DType, Interface, Method
from infc.runtime.artifact import signature as sig

from support.configs import tensor
from support.signatures import method, takes

DTYPES: tuple[str, ...] = get_args(DType)
BUILTINS = ["tuple", "list", "dict", "float", "int", "str", "bool", "type", "object", "None", "True", "print", "range"]
OURS = ["np", "grpc", "NDArray", "Any", "Self", "Record", "Spec", "Method", "timeout", "self", "message", "sizes",
        "limit", "call", "response", "metadata", "close", "forward", "Path", "Fronted", "annotations", "infer",
        "path", "methods", "FRONT", "kind", "error", "trace", "mro"]  # fmt: skip
COLLIDING = [
    "a_b",
    "a-b",
    "a.b",
    "aB",
    "A_B",
    "a__b",
    "a_b_2",
    "a b",
    "1",
    "2",
    "_1",
    "模型",
    "型",
    "é",
    "",
    " ",
    "_",
    "__",
]
HOSTILE = ['"""', "\\", "'", "\n", "\r\n", "${x}", "{{ x }}", "*/", "//", "\u202e", "\x00", "#", "; import os"]
PROTO = [
    "message",
    "syntax",
    "optional",
    "repeated",
    "reserved",
    "rpc",
    "service",
    "bytes",
    "oneof",
    "constructor",
    "shape",
]
WORDS = list(dict.fromkeys([*keyword.kwlist, *keyword.softkwlist, *BUILTINS, *OURS, *COLLIDING, *HOSTILE, *PROTO]))


METHODS = [*BUILTINS, "close", "forward", "Path", "timeout", "class", "a_b", "a-b", "aB", "模型", "1"]


def _wide() -> Method:
    """Every word as an input and as an output, among dtypes that take turns."""
    specs = [tensor(word, DTYPES[place % len(DTYPES)], *[2] * (place % 4)) for place, word in enumerate(WORDS)]
    return method("main", specs, specs)


def _record() -> Method:
    """Every word as a field, of a dataclass, of a mapping and, where it can be one, of a named tuple, in each other."""
    names = [f"t{number}" for number in range(len(WORDS))]
    tensors = tuple(map(sig.Tensor, names))
    fields = [
        (word, leaf)
        for word, leaf in zip(WORDS, tensors, strict=True)
        if word.isidentifier() and not keyword.iskeyword(word) and not word.startswith("_")
    ]
    own = [*fields, ("count", tensors[0]), ("index", tensors[1]), ("größe", tensors[2])]
    point = sig.NamedTuple("Point", tuple(word for word, _ in own), tuple(leaf for _, leaf in own))
    tree = sig.Tuple((sig.Record("Out", tuple(WORDS), tensors), sig.Mapping(tuple(WORDS), tensors), point))
    outputs = tuple(tensor(name, "f32") for name in names)
    return Method(name="main", inputs=(tensor("x"),), outputs=outputs, takes=takes("x"), returns=tree)


def _nested() -> Method:
    """Every word as a tensor inside of one argument; results in a mapping without names, of kinds that do not fit."""
    specs = [tensor(word, "f32", 2) for word in WORDS]
    leaves = tuple(map(sig.Tensor, WORDS))
    outputs = [tensor(f"y{number}", dtype) for number, dtype in enumerate(DTYPES)]
    results = tuple(sig.Tensor(each.name) for each in outputs)
    record, pair = sig.Record("A", ("x",), results[1:2]), sig.NamedTuple("B", ("y",), results[2:3])
    kinds = sig.List((sig.Tuple(results[3:]), record, pair))
    return Method(
        name="main",
        inputs=tuple(specs),
        outputs=tuple(outputs),
        takes=(sig.Parameter("x", "either", True, sig.Tuple((sig.Mapping(tuple(WORDS), leaves),))),),
        returns=sig.Mapping((0, "layer-1"), (sig.Mapping(("a",), (kinds,)), results[0])),
    )


def _dims() -> Method:
    names = ["class", "n", "N", "batch size", "模", '"', "1"]
    dims = tuple(Dim(name=name, low=0, high=3) for name in names)
    inputs = [tensor(f"x{place}", "bf16", name) for place, name in enumerate(names)]
    made = method("main", inputs, [tensor("y", "bool", "?", names[0])])
    return Method(
        name="main", inputs=made.inputs, outputs=made.outputs, takes=made.takes, returns=made.returns, dims=dims
    )


def _service(name: str, *methods: Method) -> Service:
    return numbered(name, Interface(methods=methods))


STRANGE: dict[str, Service] = {
    "words": _service("class", _wide()),
    "fields": _service("Path", _record()),
    "nested": _service("nested", _nested()),
    "methods": _service("模型", *(method(word, [tensor("x", "f16")], [tensor("y", "bf16")]) for word in METHODS)),
    "dims": _service("1.5-b_", _dims()),
    "scalars": _service(
        "Fronted",
        method("main", [tensor(each, each) for each in DTYPES], [tensor(f"{each}_", each) for each in DTYPES]),
    ),
    "huge": _service(
        "grpc",
        method(
            "main",
            [tensor(f"x{n}", DTYPES[n % len(DTYPES)], 2) for n in range(200)],
            [tensor(f"X{n}") for n in range(200)],
        ),
    ),
    "nothing": _service("None", method("main", [], [tensor("y")])),
    "doc": Service(
        "Async",
        tuple(
            ServiceMethod(each.method, each.inputs, each.outputs, '""" \\ */ {{ x }} \x00 \u202e "' * 20)
            for each in _service("", method("main", [tensor("x")], [tensor("y")])).methods
        ),
    ),
}
