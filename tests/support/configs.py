"""Configs of models that were never compiled, for what reads the interface only."""

from typing import Literal

import msgspec

from infc.codegen.service import Service, numbered
from infc.compiler.rpc_module import add_service
from infc.runtime.artifact import (
    SCHEMA_VERSION,
    ArtifactWriter,
    Config,
    Cost,
    Dim,
    Interface,
    Method,
    Stage,
    TensorSpec,
    Toolchain,
    one_stage,
)
from infc.runtime.artifact import signature as sig

from support import signatures

HOSTILE_NAME = '4-"""\');__import__("os").mkdir("pwned")#'


def tensor(
    name: str, dtype: str = "f32", *shape: int | str, low: int | None = None, high: int | None = None
) -> TensorSpec:
    """A tensor's spec, shape last."""
    return TensorSpec(name=name, dtype=dtype, shape=shape, low=low, high=high)  # type: ignore[arg-type]


def config(
    name: str,
    inputs: tuple[TensorSpec, ...],
    outputs: tuple[TensorSpec, ...],
    returns: Literal["tensor", "tuple", "mapping", "record"],
    *,
    positional: int | None = None,
    dims: tuple[Dim, ...] = (),
) -> Config:
    """The config of a model with one entry point and no code. All inputs are positional where nothing is said."""
    method = Method(
        name="main",
        inputs=inputs,
        outputs=outputs,
        takes=signatures.takes(*(spec.name for spec in inputs), positional=positional),
        returns=signatures.returns(returns, [spec.name for spec in outputs]),
        dims=dims,
    )
    return Config(
        schema_version=SCHEMA_VERSION,
        name=name,
        source="sha256:" + "0" * 64,
        toolchain=Toolchain(infc="0", torch="0", torch_mlir="0", iree="0"),
        interface=Interface(methods=(method,)),
        stages=(Stage(name="main", placement="device"),),
        wiring=(one_stage(method, "main"),),
        targets=(),
        memory_plan=(),
        cost=Cost(flops=0, bytes_touched=0, activation_peak=0),
    )


MODELS = {
    "tensor": config("linear", (tensor("x", "f32", 2, 8),), (tensor("output_0", "f32", 2, 4),), "tensor"),
    "mapping": config(
        "all-minilm-l6.v2",
        (
            tensor("input_ids", "i64", 1, 128, low=0, high=30521),
            tensor("attention_mask", "bool", 1, 128),
        ),
        (tensor("last_hidden_state", "f32", 1, 128, 384), tensor("pooler_output", "bf16", 1, 384)),
        "record",
        positional=1,
    ),
    "dynamic": config(
        "reranker",
        (tensor("ids", "i64", "batch", "seq", low=0, high=99), tensor("mask", "bool", "batch", "seq")),
        (tensor("scores", "f32", "batch"), tensor("kept", "i64", "?")),
        "mapping",
        dims=(Dim(name="batch", low=1, high=64), Dim(name="seq", low=8, high=512)),
    ),
    "hostile": config(
        HOSTILE_NAME,
        (tensor("class", "i8", low=-5), tensor("a-b", "f16", 1), tensor("a_b", "f64", 1), tensor('"""\n\\', "u8", 0)),
        (tensor("timeout", "i32"), tensor("模型", "i16", 3), tensor("2", "f32", 1)),
        "tuple",
        positional=0,
    ),
}


CACHE = sig.NamedTuple("Cache", ("k", "v"), (sig.Tensor("cache_k"), sig.Tensor("cache_v")))
NESTED = Method(
    name="encode",
    inputs=tuple(tensor(name, "f32", 2) for name in ("x", "pair_0", "pair_1", "batch_ids", "cache_k", "cache_v")),
    outputs=tuple(tensor(name, "f32", 2) for name in ("hidden", "states_0", "states_1_k", "states_1_v", "last")),
    takes=(
        sig.Parameter("x", "positional", True, sig.Tensor("x")),
        sig.Parameter("pair", "either", True, sig.Tuple((sig.Tensor("pair_0"), sig.Tensor("pair_1")))),
        sig.Parameter("mode", "either", True, sig.Fixed("fast")),
        sig.Parameter("batch", "either", True, sig.Mapping(("ids", "no"), (sig.Tensor("batch_ids"), sig.Nothing()))),
        sig.Parameter("cache", "keyword", True, CACHE),
        sig.Parameter("other", "keyword", False, sig.Absent()),
    ),
    returns=sig.Record(
        "Output",
        ("hidden", "states", "nothing", "by_place"),
        (
            sig.Tensor("hidden"),
            sig.List(
                (
                    sig.Tensor("states_0"),
                    sig.NamedTuple("Cache", ("k", "v"), (sig.Tensor("states_1_k"), sig.Tensor("states_1_v"))),
                )
            ),
            sig.Nothing(),
            sig.Mapping((0,), (sig.Tensor("last"),)),
        ),
    ),
)
DECODE = Method(
    name="decode",
    inputs=(tensor("x", "f32", 2),),
    outputs=(tensor("output_0", "f32", 2), tensor("output_1_logits", "f32", 2)),
    takes=signatures.takes("x"),
    returns=sig.Tuple((sig.Tensor("output_0"), sig.Mapping(("logits",), (sig.Tensor("output_1_logits"),)))),
)
MODELS["methods"] = msgspec.structs.replace(
    MODELS["tensor"],
    name="coder",
    interface=Interface(methods=(NESTED, DECODE)),
    wiring=(one_stage(NESTED, "main"), one_stage(DECODE, "main")),
)


def write_config_artifact(path: str, config: Config) -> str:
    """An artifact of nothing but a config and its interface; returns its digest."""
    with ArtifactWriter(path) as writer:
        add_service(writer, numbered(config.name, config.interface))
        return writer.finish(config)


def service(case: str) -> Service:
    """What the `rpc` module of one of the models says."""
    return numbered(MODELS[case].name, MODELS[case].interface)
