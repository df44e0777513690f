"""Five heads on one body: the pool's executor has the body once, with its weights, and all five answer right."""

from pathlib import Path

import numpy as np
import pytest

from support.heads import CHUNKS, headed_reference, write_headed
from support.pool import serving

BODY = CHUNKS * (2 << 20)  # bytes
HEADS = 5


def artifact_memory(pid: int, folder: Path, what: str) -> int:
    """Bytes of a process's mappings of files in a folder: `Size` of them, or their share of pages in memory, `Pss`."""
    total, ours = 0, False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        words = line.split()
        if "-" in words[0]:
            ours = words[-1].startswith(str(folder))
        elif ours and words[0] == f"{what}:":
            total += int(words[1]) * 1024
    return total


@pytest.mark.parametrize("backend", ["files", "arena"])
def test_every_head_has_its_own_weights_wherever_they_come_from(backend: str, tmp_path: Path) -> None:
    heads = [write_headed(tmp_path / f"head{number}.infc", number) for number in range(3)]
    x = np.random.default_rng(0).standard_normal((2, 8), np.float32)
    with serving(*heads, options=["--backend", backend, "--memory", "20M"]) as pool:
        for number in (2, 0, 1, 2):
            answer = pool.infer(f"head{number}", x=x)["z"]
            np.testing.assert_allclose(answer, headed_reference(x, number), rtol=1e-5, atol=1e-5)


def test_five_heads_on_one_body(tmp_path: Path) -> None:
    heads = [write_headed(tmp_path / f"head{number}.infc", number) for number in range(HEADS)]
    x = np.random.default_rng(0).standard_normal((2, 8), np.float32)
    with serving(*heads) as pool:
        for number in range(HEADS):
            answer = pool.infer(f"head{number}", x=x)["z"]
            np.testing.assert_allclose(answer, headed_reference(x, number), rtol=1e-5, atol=1e-5)
        [executor] = pool.executors()
        for what in ("Size", "Pss"):
            found = artifact_memory(executor, tmp_path, what)
            # Beside the body there are five heads' pages and machine code.
            assert BODY <= found < BODY + (2 << 20), what
