"""A compile that is interrupted ends its tools and leaves no file; the next one cleans up after a kill."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from infc.compiler import compile_model

SOURCE = """
import torch

class Square(torch.nn.Module):
    def forward(self, x):
        return x @ x

def make():
    return Square(), (torch.ones(4, 4),)
"""
# A tool that tells that it runs, and never ends: in iree-compile's place.
TOOL = "#!/bin/sh\necho $$ > {pipe}\nwhile :; do :; done\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_tools_and_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    process, tool = running(tmp_path)
    process.send_signal(number)
    _, stderr = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert not psutil.pid_exists(tool)
    assert list((tmp_path / "out").iterdir()) == []


def test_what_a_kill_leaves_goes_with_the_next_compile(tmp_path: Path) -> None:
    process, tool = running(tmp_path)
    process.kill()
    process.communicate()
    os.kill(tool, signal.SIGKILL)  # nobody is left to do it
    assert len(list((tmp_path / "out").iterdir())) == 1
    done = subprocess.run(command(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.infc"]


@pytest.mark.parametrize("at", ["load", "lower", "compile", "weights", "verify", "write"])
def test_an_interrupt_at_any_stage_leaves_what_was_there(at: str, tmp_path: Path) -> None:
    @contextmanager
    def observer(stage: str) -> Generator[None]:
        if stage == at:
            raise KeyboardInterrupt
        yield

    (tmp_path / "source.py").write_text(SOURCE)
    out = tmp_path / "out" / "a.infc"
    out.parent.mkdir()
    out.write_bytes(b"what was there before")
    with pytest.raises(KeyboardInterrupt):
        compile_model(f"{tmp_path}/source.py:make", out, observer=observer)
    assert out.read_bytes() == b"what was there before"
    assert list(out.parent.iterdir()) == [out]


def running(folder: Path) -> tuple[subprocess.Popen[str], int]:
    """A compile whose `iree-compile` runs for ever, and that tool's process id."""
    (folder / "source.py").write_text(SOURCE)
    (folder / "out").mkdir()
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    tools = folder / "tools"
    tools.mkdir()
    (tools / "iree-compile").write_text(TOOL.format(pipe=pipe))
    (tools / "iree-compile").chmod(0o755)
    environment = {**os.environ, "TOOL": str(tools / "iree-compile")}
    patched = (
        # Under nohup, SIGHUP is ignored from the start, and behind a script's `&` SIGINT; infc leaves them so.
        "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL);"
        "signal.signal(signal.SIGINT, signal.default_int_handler);"
        "import os, sys;"
        "import infc.compiler.toolchain.iree as b; b.BINARY = os.environ['TOOL']; from infc.cli import main; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", patched, *command(folder)[3:]],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return process, int(pipe.read_text())


def command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "infc", "compile", f"{folder}/source.py:make", "-o", str(folder / "out" / "a.infc")]
