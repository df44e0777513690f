"""Models in stages: compiled, run, and equal to the whole model."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import nn

from infc.compiler.cutting_options import Cutting
from infc.compiler.driver import CompileOptions, compile_model
from infc.errors import CompileError, UsageError
from infc.runtime.artifact import Artifact, Config, stage_digest
from infc.runtime.inputs import random_inputs
from infc.runtime.session import Session
from infc.runtime.targets import missing_device

Example = tuple[nn.Module, Any]


def bert() -> Example:
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=100, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    ids = torch.randint(0, 100, (1, 12))
    return transformers.BertModel(config).eval(), {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def resnet() -> Example:
    torch.manual_seed(0)
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[16, 32], depths=[1, 1], layer_type="basic")
    return transformers.ResNetModel(config).eval(), (torch.randn(1, 3, 32, 32),)


def llama() -> Example:
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=100, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=64, use_cache=False,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config).eval(), {"input_ids": torch.randint(0, 100, (1, 8))}


MODELS = {"bert": bert, "resnet": resnet, "llama": llama}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the tests of this file share."""
    return tmp_path_factory.mktemp("cache")


def made(factory: str, out: Path, cutting: Cutting, cache: Path, name: str = "") -> Config:
    options = CompileOptions(name=name, verify=False, cache=cache, cutting=cutting)
    return compile_model(f"{__file__}:{factory}", out, options).config


def outputs(path: Path, seed: int = 0) -> dict[str, np.ndarray]:
    with Artifact.open(path) as artifact, Session.attach(artifact) as session:
        return session.run(random_inputs(artifact.method(), np.random.default_rng(seed)))


def equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert list(one) == list(other)
    for name, array in one.items():
        np.testing.assert_allclose(array, other[name], rtol=1e-5, atol=1e-5 * np.abs(array).max())


@pytest.mark.parametrize(("name", "count"), [("bert", 3), ("resnet", 2), ("llama", 2)])
def test_a_model_in_stages_answers_like_the_whole(name: str, count: int, tmp_path: Path, cache: Path) -> None:
    made(name, tmp_path / "whole.infc", Cutting(), cache)
    config = made(name, tmp_path / "cut.infc", Cutting(stages=count), cache)
    assert [stage.name for stage in config.stages] == [f"stage{number}" for number in range(count)]
    assert all(stage.slab.weights for stage in config.targets[0].stages)
    equal(outputs(tmp_path / "whole.infc"), outputs(tmp_path / "cut.infc"))


class Headed(nn.Module):
    """A backbone and a head."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.backbone = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 16))
        self.head = nn.Linear(16, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.backbone(x))


def three() -> Example:
    return Headed(3), (torch.randn(2, 8),)


def five() -> Example:
    return Headed(5), (torch.randn(2, 8),)


def test_equal_backbones_are_stages_of_one_digest(tmp_path: Path, cache: Path) -> None:
    """Whatever the models are called, and whatever comes behind."""
    how = Cutting(split="backbone:shared;*:own")
    configs = [made(name, tmp_path / f"{name}.infc", how, cache, f"model-{name}") for name in ("three", "five")]
    assert [stage.placement for stage in configs[0].stages] == ["shared", "own"]
    digests = [[stage_digest(stage, config.toolchain) for stage in config.targets[0].stages] for config in configs]
    assert digests[0][0] == digests[1][0]
    assert digests[0][1] != digests[1][1]


def test_what_is_cut_is_compared_with_pytorch(tmp_path: Path, cache: Path) -> None:
    options = CompileOptions(cache=cache, cutting=Cutting(split="backbone:shared;*:own"))
    (build,) = compile_model(f"{__file__}:three", tmp_path / "out.infc", options).config.targets
    assert build.verify is not None
    assert max(check.max_rel_error for check in build.verify.outputs) < 1e-5


def test_each_stage_may_have_a_target_of_its_own(tmp_path: Path, cache: Path) -> None:
    config = made("three", tmp_path / "out.infc", Cutting(split="backbone:cpu:x86-64-v3;*:cpu1"), cache)
    (build,) = config.targets
    assert build.target == "cpu:x86-64-v3+cpu"
    assert [(stage.target, stage.device) for stage in build.stages] == [
        ("cpu:x86-64-v3", "local-task"),
        ("cpu", "local-task"),
    ]


def test_a_module_without_weights_is_a_stage_by_its_name(tmp_path: Path, cache: Path) -> None:
    made("three", tmp_path / "whole.infc", Cutting(), cache)
    config = made("three", tmp_path / "cut.infc", Cutting(split="backbone.1:a;*:b"), cache)
    assert [stage.placement for stage in config.stages] == ["b", "a", "b"]
    assert not config.targets[0].stages[1].slab.weights
    equal(outputs(tmp_path / "whole.infc"), outputs(tmp_path / "cut.infc"))


def test_placements_have_memory_of_their_own(tmp_path: Path, cache: Path) -> None:
    """Two weights fit where there is little, four where there is much, whichever of the two comes first."""
    made("three", tmp_path / "whole.infc", Cutting(), cache)
    for memory, weights in (("cpu0=1500,cpu:x86-64-v3=6KiB", [2, 4]), ("cpu:x86-64-v3=6KiB,cpu0=600", [4, 2])):
        config = made("three", tmp_path / "cut.infc", Cutting(memory=memory), cache)
        assert [stage.placement for stage in config.stages] == [each.split("=")[0] for each in memory.split(",")]
        assert {stage.target for stage in config.targets[0].stages} == {"cpu", "cpu:x86-64-v3"}
        assert [len(stage.slab.weights) for stage in config.targets[0].stages] == weights
        equal(outputs(tmp_path / "whole.infc"), outputs(tmp_path / "cut.infc"))


def test_what_is_cut_keeps_contract_two_or_is_refused(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the schedule it does not."""
    monkeypatch.setattr("infc.compiler.cutting._CONTRACT", "rpc-interface,infer-verify-contract{level=2}")
    with pytest.raises(CompileError, match=r"weight '.*' is read before it is required"):
        made("three", tmp_path / "out.infc", Cutting(stages=2), cache)


@pytest.mark.parametrize(
    ("split", "target", "devices"),
    [
        ("backbone.0:vulkan;backbone.2:cpu;*:vulkan", "vulkan+cpu", ["vulkan", "local-task", "vulkan"]),
        ("backbone:vulkan0;*:vulkan1", "vulkan", ["vulkan", "vulkan"]),
    ],
)
def test_one_model_on_several_devices(split: str, target: str, devices: list[str], tmp_path: Path, cache: Path) -> None:
    missing = missing_device("vulkan")
    if missing:
        pytest.skip(f"vulkan is {missing}; `make drivers` installs one, in software")
    made("three", tmp_path / "whole.infc", Cutting(), cache)
    build = made("three", tmp_path / "cut.infc", Cutting(split=split), cache).targets[0]
    assert build.target == target
    assert [stage.device for stage in build.stages] == devices
    # In a process of its own: Mesa's software device keeps two threads spinning for as long as its process lives.
    for name in ("whole", "cut"):
        command = ["run", str(tmp_path / f"{name}.infc"), "--random", "--output", str(tmp_path / f"{name}.npz")]
        done = subprocess.run([sys.executable, "-m", "infc", *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    equal(*(dict(np.load(tmp_path / f"{name}.npz")) for name in ("whole", "cut")))


@pytest.mark.parametrize(
    ("cutting", "error", "said", "hint"),
    [
        (Cutting(split="bakcbone:a;*:b"), CompileError, "there is no module 'bakcbone'", "did you mean backbone"),
        (Cutting(memory="100B"), CompileError, "has 100 bytes and lacks ", "more memory"),
        (Cutting(stages=500), CompileError, "cannot be cut into 500 stages", "--stages"),
        (Cutting(stages=2, split="*:b"), UsageError, "--split says what every stage is", "leave"),
        (Cutting(split="backbone:a"), UsageError, "where the rest goes", "--split"),
        (Cutting(split="no rule"), UsageError, "--split 'no rule'", "--split 'embeddings:cpu;*:vulkan'"),
        (Cutting(link="1GB"), UsageError, "--stage-link is about stages", "--stages 2"),
        (Cutting(stages=2, link="fast"), UsageError, "--stage-link: 'fast' is no size", "1GB"),
        (Cutting(split="*:b", link="1GB"), UsageError, "--split says what every stage is", "leave"),
        (Cutting(memory="cpu0=100,cpu1=1GiB"), CompileError, "cpu0 has 100 bytes and lacks ", "more memory"),
        (Cutting(memory="a=1GiB,2GiB"), UsageError, "sizes with a placement and sizes without", "vulkan=1GiB"),
        (Cutting(memory="a=1GiB,a=2GiB"), UsageError, "names placement 'a' twice", "vulkan=1GiB"),
        (Cutting(memory="a=1GiB,client=2GiB"), UsageError, "'client'", "vulkan=1GiB"),
        (Cutting(memory="a=b=1GiB"), UsageError, "'a=b', which is no word", "vulkan=1GiB"),
        (Cutting(memory="a=1GiB,b=2GiB", stages=3), UsageError, "2 placements, and --stages says 3", "vulkan=1GiB"),
        (Cutting(memory="a=1GiB,b="), UsageError, "--stage-memory: '' is no size", "2GiB"),
        (Cutting(memory="much"), UsageError, "--stage-memory: 'much' is no size", "2GiB"),
    ],
)  # fmt: skip
def test_what_cannot_be_cut_is_said(
    cutting: Cutting, error: type[Exception], said: str, hint: str, tmp_path: Path, cache: Path
) -> None:
    with pytest.raises(error) as caught:
        made("three", tmp_path / "out.infc", cutting, cache)
    assert said in str(caught.value)
    assert hint in caught.value.hint  # type: ignore[attr-defined]
    assert not list(tmp_path.iterdir())
