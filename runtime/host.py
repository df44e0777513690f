"""What this machine and this installation can run."""

import platform
import re
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path

from infc.errors import ArtifactError

# Features that LLVM and the kernel call by different names, apart from dots, dashes and underscores.
_KERNEL_NAMES = {
    "64bit": "lm",
    "bmi": "bmi1",
    "crc32": "sse4_2",
    "evex512": "avx512f",
    "lzcnt": "abm",
    "pclmul": "pclmulqdq",
    "prfchw": "3dnowprefetch",
    "rdrnd": "rdrand",
    "sahf": "lahf_lm",
    "sha": "sha_ni",
    "sse3": "pni",
    "x87": "fpu",
    "dotprod": "asimddp",
    "fullfp16": "asimdhp",
    "lse": "atomics",
    "neon": "asimd",
}


@cache
def cpu_features() -> frozenset[str]:
    """The kernel's names of what every CPU of this machine has, in lower case without separators."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return frozenset()
    lines = re.findall(r"^(?:flags|Features)\s*:(.*)$", text, flags=re.MULTILINE)
    sets = [frozenset(_plain(name) for name in line.split()) for line in lines]
    return frozenset.intersection(*sets) if sets else frozenset()


def cpu_obstacle(machine: str, features: tuple[str, ...]) -> str:
    """Why machine code would end with SIGILL here, or not load at all; empty when this CPU runs it.

    Args:
        machine: the processor that it is for, as `uname -m` has it; empty when it is no code for the CPU.
        features: LLVM's names of what it may use, as the compiler recorded them.
    """
    if machine and machine != platform.machine():
        return f"compiled for {machine}, this machine is {platform.machine()}"
    missing = [name for name in features if _plain(_KERNEL_NAMES.get(name, name)) not in cpu_features()]
    return f"compiled for a CPU with {', '.join(missing)}, which this one has not" if missing else ""


@cache
def iree_version() -> str:
    """The installed IREE runtime's version."""
    return version("iree-base-runtime")


def check_iree(compiled_with: str, where: str) -> None:
    """Refuses a module of another IREE release: its bytecode and calling conventions may differ.

    Raises:
        ArtifactError: names both versions.
    """
    if compiled_with != iree_version():
        raise ArtifactError(
            f"{where}: compiled with IREE {compiled_with}, the installed runtime is {iree_version()}",
            hint=f"compile it again here, or install iree-base-runtime=={compiled_with}",
        )


@lru_cache(maxsize=1024)
def _plain(name: str) -> str:
    return re.sub(r"[._-]", "", name.lower())
