"""Documents with valid digests that contradict the format, the blobs or themselves."""

import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from infc.errors import ArtifactError
from infc.runtime.artifact import Artifact, Config
from infc.runtime.artifact.format import Struct
from infc.runtime.artifact.signature import Node, Parameter

from support.artifacts import LINEAR, linear_weights, weight, write_artifact

Json = dict[str, Any]


def write(path: Path) -> Path:
    weights = [weight(key, array) for key, array in linear_weights().items()]
    return write_artifact(path, "m", LINEAR, b"module", weights, form="dir")


def refused(path: Path) -> ArtifactError:
    with pytest.raises(ArtifactError) as caught:
        Artifact.open(path, check=True)
    assert str(path) in caught.value.message
    return caught.value


def edited(path: Path, document: str, edit: Callable[[Json], object]) -> Path:
    """Edits the config or the manifest of an artifact directory and makes all digests right again."""
    index = json.loads((path / "index.json").read_text())
    manifest = json.loads(blob_path(path, index["manifests"][0]["digest"]).read_text())
    config = json.loads(blob_path(path, manifest["config"]["digest"]).read_text())
    if document == "config":
        edit(config)
    manifest["config"] |= store(path, config)
    if document == "manifest":
        edit(manifest)
    index["manifests"][0] |= store(path, manifest)
    if document == "index":
        edit(index)
    (path / "index.json").write_text(json.dumps(index))
    return path


def blob_path(path: Path, digest: str) -> Path:
    return path / "blobs" / digest.replace(":", "/")


def store(path: Path, content: Json) -> Json:
    raw = json.dumps(content).encode()
    digest = f"sha256:{sha256(raw).hexdigest()}"
    blob_path(path, digest).write_bytes(raw)
    return {"digest": digest, "size": len(raw)}


def slab(config: Json) -> Json:
    return config["targets"][0]["stages"][0]["slab"]


def method(config: Json) -> Json:
    return config["interface"]["methods"][0]


def code(config: Json) -> Json:
    return config["targets"][0]["stages"][0]["modules"][0]


def dynamic(config: Json, name: str, low: int, high: int) -> None:
    method(config)["dims"] = [{"name": name, "low": low, "high": high}]
    method(config)["inputs"][0]["shape"] = [name, 8]


def first_weight(config: Json) -> Json:
    return slab(config)["weights"][0]


def nested(levels: int) -> list[Any]:
    tree: list[Any] = ["tensor", "output_0"]
    for _ in range(levels):
        tree = ["tuple", [tree]]
    return tree


def test_editing_nothing_is_no_damage(tmp_path: Path) -> None:
    Artifact.open(edited(write(tmp_path / "m"), "config", lambda _: None), check=True).close()


CONFIG_EDITS: dict[str, tuple[Callable[[Json], object], str]] = {
    "newer": (lambda c: c.update(schema_version=99), "schema_version 99, this infc reads 4"),
    "no version": (lambda c: c.pop("schema_version"), "missing required field `schema_version`"),
    "unknown field": (lambda c: c.update(surprise=1), "unknown field `surprise`"),
    "missing field": (lambda c: c.pop("name"), "missing required field `name`"),
    "wrong type": (lambda c: slab(c).update(length="4096"), "Expected `int`, got `str`"),
    "empty name": (lambda c: c.update(name=""), "name is empty"),
    "no method": (lambda c: c["interface"].update(methods=[]), "interface has no method"),
    "method twice": (lambda c: c["interface"]["methods"].append(c["interface"]["methods"][0]), "has 'main' twice"),
    "bounds on a float": (
        lambda c: c["interface"]["methods"][0]["inputs"][0].update(low=0),
        "only integers have bounds",
    ),
    "no takes": (lambda c: method(c).pop("takes"), "missing required field `takes`"),
    "unknown kind of tree": (lambda c: method(c).update(returns=["set", []]), "Invalid value 'set'"),
    "tree of another type": (lambda c: method(c).update(returns="tensor"), "Expected `array`, got `str`"),
    "tree that goes on": (lambda c: method(c)["returns"].append(1), "Expected `array` of at most length 1"),
    "argument twice": (lambda c: method(c)["takes"].append(method(c)["takes"][0]), "takes has 'x' twice"),
    "positional after keyword": (
        lambda c: method(c)["takes"].extend([["k", "keyword", False, ["none"]], ["p", "positional", False, ["none"]]]),
        "takes is not in the order",
    ),
    "tensor not taken": (lambda c: method(c).update(takes=[]), "takes lacks the tensor 'x'"),
    "tensor that is none": (
        lambda c: method(c)["takes"].append(["y", "either", True, ["tensor", "y"]]),
        "takes has the tensor 'y', which does not exist",
    ),
    "tensor returned twice": (
        lambda c: method(c).update(returns=["list", [["tensor", "output_0"], ["tensor", "output_0"]]]),
        "returns has the tensor 'output_0' twice",
    ),
    "absent result": (lambda c: method(c).update(returns=["absent"]), "returns has an absent value"),
    "keys without values": (
        lambda c: method(c).update(returns=["mapping", ["a", "b"], [["tensor", "output_0"]]]),
        "returns has 2 keys for 1 values",
    ),
    "key twice": (
        lambda c: method(c).update(returns=["record", "R", ["a", "a"], [["tensor", "output_0"], ["none"]]]),
        "returns has a key twice",
    ),
    "named tuple of a hostile class": (
        lambda c: method(c).update(returns=["namedtuple", "T(x):0#", ["a"], [["tensor", "output_0"]]]),
        "returns is a named tuple with the name 'T(x):0#'",
    ),
    "named tuple with a hidden field": (
        lambda c: method(c).update(returns=["namedtuple", "T", ["_make"], [["tensor", "output_0"]]]),
        "returns is a named tuple with the name '_make'",
    ),
    "deep tree": (lambda c: method(c).update(returns=nested(33)), "trees of more than 32 levels"),
    "wide tree": (lambda c: method(c).update(returns=["list", [["none"]] * 5000]), "trees of 5002 nodes"),
    "negative dim": (lambda c: c["interface"]["methods"][0]["inputs"][0].update(shape=[-1]), "negative or huge"),
    "rank of a million": (lambda c: first_weight(c).update(shape=[9] * 10**6), "negative or huge"),
    "slab grown": (lambda c: slab(c).update(length=1 << 40), "1 chunks for a length of"),
    "slab negative": (lambda c: slab(c).update(length=-1), "chunks for a length of -1"),
    "slab shrunk": (lambda c: slab(c).update(length=128), "should have 128 bytes"),
    "weight outside": (lambda c: first_weight(c).update(offset=4096), "outside its slab"),
    "weight before": (lambda c: first_weight(c).update(offset=-64), "outside its slab"),
    "weight askew": (lambda c: first_weight(c).update(offset=68), "not a multiple of 64"),
    "weight longer": (lambda c: first_weight(c).update(length=132), r"length is 132, but f32[8, 4] takes 128"),
    "weight twice": (lambda c: slab(c)["weights"].append(first_weight(c)), "has 'w' twice"),
    "chunk path": (lambda c: slab(c).update(chunks=["sha256:../../x"]), "expected sha256:<64 hex digits>"),
    "chunk digest with line feed": (lambda c: slab(c).update(chunks=["sha256:" + "0" * 64 + "\n"]), "64 hex digits"),
    "chunk unknown": (lambda c: slab(c).update(chunks=["sha256:" + "0" * 64]), "not among the manifest's layers"),
    "no modules": (lambda c: c["targets"][0]["stages"][0].update(modules=[]), "none that takes the largest sizes"),
    "module of no method": (lambda c: code(c).update(method="x"), "method 'x', which does not exist"),
    "module twice": (lambda c: c["targets"][0]["stages"][0]["modules"].append(code(c)), "has '[]' twice"),
    "bucket of no dim": (lambda c: code(c).update(dims={"rows": 2}), "has 'rows' = 2, which the method has not"),
    "dim of no input": (
        lambda c: method(c).update(dims=[{"name": "rows", "low": 1, "high": 2}]),
        "has the dims ['rows'], its inputs name []",
    ),
    "input of no dim": (lambda c: method(c)["inputs"][0].update(shape=["rows", 8]), "its inputs name ['rows']"),
    "input of unknown size": (lambda c: method(c)["inputs"][0].update(shape=["?", 8]), "its inputs name ['?']"),
    "output of no dim": (lambda c: method(c)["outputs"][0].update(shape=["rows"]), "its outputs ['rows']"),
    "dim that is no name": (lambda c: dynamic(c, "a b", 1, 2), "'a b', which is no name"),
    "dim upside down": (lambda c: dynamic(c, "rows", 3, 2), "dims['rows'] is from 3 to 2"),
    "dim below nothing": (lambda c: dynamic(c, "rows", -1, 2), "dims['rows'] is from -1 to 2"),
    "dim without end": (lambda c: dynamic(c, "rows", 1, 1 << 60), "dims['rows'] is from 1 to"),
    "bucket too small": (
        lambda c: dynamic(c, "rows", 1, 4) or code(c).update(dims={"rows": 2}),
        "none that takes the largest sizes",
    ),
    "bucket too large": (
        lambda c: dynamic(c, "rows", 1, 4) or code(c).update(dims={"rows": 5}),
        "has 'rows' = 5, which the method has not",
    ),
    "module size": (lambda c: code(c).update(size=1), "should have 1 bytes"),
    "stage unknown": (lambda c: c["memory_plan"][0].update(stage="x"), "names stage 'x'"),
    "stages differ": (lambda c: c["targets"][0].update(stages=[]), "builds other stages"),
}


@pytest.mark.parametrize("name", CONFIG_EDITS)
def test_an_inconsistent_config(tmp_path: Path, name: str) -> None:
    edit, message = CONFIG_EDITS[name]
    error = refused(edited(write(tmp_path / "m"), "config", edit))
    assert message in error.message
    assert error.hint


@pytest.mark.parametrize(
    ("document", "edit", "message"),
    [
        ("manifest", lambda m: m.update(artifactType="x/y"), "an OCI image layout of something else"),
        ("manifest", lambda m: m["config"].update(digest="sha256:../x"), "config has digest 'sha256:../x'"),
        ("manifest", lambda m: m["layers"][0].update(size=1), "expected 1"),
        ("manifest", lambda m: m["layers"][0].update(digest="sha256:" + "0" * 64), "is missing"),
        ("manifest", lambda m: m.pop("layers"), "missing required field `layers`"),
        ("index", lambda i: i.update(manifests=[]), "lists 0 manifests"),
        ("index", lambda i: i["manifests"].append(i["manifests"][0]), "lists 2 manifests"),
        ("index", lambda i: i["manifests"][0].update(size=1 << 60), f"expected {1 << 60}"),
    ],
)
def test_other_documents(tmp_path: Path, document: str, edit: Callable[[Json], object], message: str) -> None:
    assert message in refused(edited(write(tmp_path / "m"), document, edit)).message


def test_json_nested_without_end(tmp_path: Path) -> None:
    path = write(tmp_path / "m")
    (path / "index.json").write_text('{"manifests":' + "[" * 100_000)
    assert "index.json is not valid" in refused(path).message


# One of each struct that the example's config has none of.
RARE: Json = {
    "dims": [{"name": "n", "low": 1, "high": 2}],
    "verify": {
        "trials": 3,
        "seed": 0,
        "outputs": [{"values": "random", "output": "y", "max_abs_error": 0.0, "max_rel_error": 0.0, "tolerance": 0.1,
                     "not_finite": 0, "reference_error": None}],
        "left_out": [{"values": "zeros", "why": "x"}],
    },
    "candidates": [{"method": "main", "name": "x", "kept": True, "reason": ""}],
    "plugins": [{"package": "acme", "version": "1", "digest": "x"}],
}  # fmt: skip


def with_everything(config: Json) -> Json:
    """The config with one of each struct of the schema in it."""
    method(config)["dims"] = RARE["dims"]
    config["targets"][0] |= {"verify": RARE["verify"], "candidates": RARE["candidates"]}
    config["middle"]["plugins"] = RARE["plugins"]
    return config


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the structs and the nodes of signatures are in a config, each shape of place once."""
    if isinstance(value, dict):
        yield path
        for key, each in cast(Json, value).items():
            yield from places(each, (*path, key))
    elif isinstance(value, list):
        found = cast(list[Any], value)
        if found and ("returns" in path or "takes" in path[:-1]):
            yield path
        yield from (place for number, each in enumerate(found[:1]) for place in places(each, (*path, number)))


def test_a_field_that_came_later_is_told_as_that_wherever_it_is(tmp_path: Path) -> None:
    write(tmp_path / "m.infc")
    index = json.loads((tmp_path / "m.infc" / "index.json").read_text())
    manifest = json.loads(blob_path(tmp_path / "m.infc", index["manifests"][0]["digest"]).read_text())
    whole = with_everything(json.loads(blob_path(tmp_path / "m.infc", manifest["config"]["digest"]).read_text()))
    msgspec.json.decode(json.dumps(whole), type=Config)
    free = {"dims", "sizes"}  # mappings from names to sizes, which may be any
    found = [place for place in places(whole) if not (place and place[-1] in free)]
    assert len(found) > 25
    structs: list[Any] = [*Struct.__subclasses__(), *Node.__subclasses__(), Parameter]
    assert [each for each in structs if not each.__struct_config__.forbid_unknown_fields] == []

    for place in found:

        def newer(config: Json, place: tuple[Any, ...] = place) -> None:
            inner: Any = with_everything(config)
            for step in place:
                inner = inner[step]
            if isinstance(inner, dict):
                inner["surprise"] = 1
            else:
                inner += ["surprise"] * 4

        error = refused(edited(write(tmp_path / "-".join(map(str, ("m", *place)))), "config", newer))
        assert "was written by a newer infc than this one" in error.message, (place, error.message)
        assert error.hint.startswith("update infc")
