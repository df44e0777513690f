"""What a model can be compiled for: a target's name, what `iree-compile` is told, and the layout of its weights."""

import platform
from dataclasses import dataclass
from difflib import get_close_matches

from infc.errors import UsageError

from ..passes.named import PACK
from ..runtime.artifact import Device
from ..runtime.host import cpu_features


@dataclass(frozen=True)
class Target:
    """One target.

    `device` is the IREE device that runs it, `machine` the processor (as `uname -m` has it) that its machine code is
    for, empty where only the device matters. `packing` is the pipeline that gives the weights their layout: targets of
    one packing share the IR and the slab, targets of one layout the slab. `storage` are the passes behind it that say
    in which types the weights lie, the same for all targets of one compile.
    """

    name: str
    device: Device
    flags: tuple[str, ...]
    machine: str = ""
    packing: str = ""
    storage: str = ""


# Tiles of 16×1 are for AVX-512. With 128 and 256-bit registers the pinned IREE computes wrong numbers from them, or
# right ones 30 times slower than without any packing.

_CPU = (
    "--iree-hal-target-device=local",
    "--iree-hal-local-target-device-backends=llvm-cpu",
    "--iree-llvmcpu-debug-symbols=false",
)
# IREE's own default for Vulkan has no 8-bit storage, and what it makes of a bool input is wrong without any error.
# Desktop and server devices have had all of these since Vulkan 1.2.
_VULKAN_FEATURES = ",".join(
    [
        "spirv:v1.3",
        "cap:Shader",
        *(f"cap:{kind}" for kind in ("Int8", "Int16", "Int64", "Float16")),
        *(f"cap:StorageBuffer{bits}BitAccess" for bits in (8, 16)),
        *(f"ext:SPV_KHR_{name}" for name in ("8bit_storage", "16bit_storage", "storage_buffer_storage_class")),
    ]
)


def _cpu(name: str, machine: str, cpu: str, packing: str = "") -> Target:
    triple = f"--iree-llvmcpu-target-triple={machine}-unknown-linux-gnu"
    return Target(name, "local-task", (*_CPU, triple, f"--iree-llvmcpu-target-cpu={cpu}"), machine, packing)


def _gpu(name: str, device: Device, *flags: str) -> Target:
    return Target(name, device, (f"--iree-hal-target-device={device}", *flags))


def _host_packing() -> str:
    return PACK if "avx512f" in cpu_features() else ""


TARGETS = {
    target.name: target
    for target in (
        Target("cpu", "local-task", (*_CPU, "--iree-llvmcpu-target-cpu=host"), platform.machine(), _host_packing()),
        _cpu("cpu:x86-64-v3", "x86_64", "x86-64-v3"),
        _cpu("cpu:x86-64-v4", "x86_64", "x86-64-v4", PACK),
        _cpu("cpu:aarch64", "aarch64", "generic"),
        _gpu("vulkan", "vulkan", f"--iree-vulkan-target-features={_VULKAN_FEATURES}"),
        *(_gpu(f"cuda:{arch}", "cuda", f"--iree-cuda-target={arch}") for arch in ("sm_80", "sm_86", "sm_89")),
        _gpu("hip:gfx942", "hip", "--iree-rocm-target=gfx942"),
        _gpu("metal", "metal"),
    )
}


def lookup(name: str) -> Target:
    """The target called `name`.

    Raises:
        UsageError: there is none; names those that there are.
    """
    if name in TARGETS:
        return TARGETS[name]
    near = get_close_matches(name, TARGETS, n=1)
    guess = f"did you mean {near[0]}? " if near else ""
    raise UsageError(f"there is no target {name!r}", hint=f"{guess}targets: {', '.join(TARGETS)}")
