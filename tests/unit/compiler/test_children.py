"""Child processes: their limits, how they end, and that none outlives its compile."""

import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from infc.compiler.toolchain.cgroup import available_memory
from infc.compiler.toolchain.children import Children, Limits, Stopped
from infc.compiler.toolchain.tools import Tools
from infc.errors import CompileError, UsageError

PYTHON = (sys.executable, "-S", "-c")


def test_what_goes_in_and_out_and_how_it_ended() -> None:
    with Children() as children:
        fine = children.run([*PYTHON, "import sys; print(sys.stdin.read()[::-1])"], b"abc")
        failed = children.run([*PYTHON, "import sys; sys.exit('no')"])
        crashed = children.run([*PYTHON, f"import os; os.kill(os.getpid(), {signal.SIGSEGV})"])
    assert (fine.stdout, fine.failure) == (b"cba\n", "")
    assert (failed.stderr, failed.failure, failed.crashed) == ("no\n", "exit code 1", False)
    assert (crashed.failure, crashed.crashed) == ("killed by SIGSEGV", True)


def test_a_child_that_runs_away_is_ended_with_what_it_started() -> None:
    # The grandchild holds the pipe open: were it left, reading standard output would not end.
    grandchild = "import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', 'while True: pass'])"
    with Children(Limits(seconds=0.5)) as children:
        finished = children.run([*PYTHON, grandchild])
    assert finished.failure == "it ran longer than 0.5 s"


def test_a_child_gets_no_more_memory_than_it_may_have() -> None:
    with Children(Limits(memory=256 << 20)) as children:
        finished = children.run([*PYTHON, "bytearray(1 << 30)"])
    assert finished.failure == "exit code 1"
    assert "MemoryError" in finished.stderr


def test_a_program_that_does_not_start_is_named() -> None:
    with Children() as children, pytest.raises(CompileError, match="/no/such/tool does not start: No such file"):
        children.run(["/no/such/tool"])


def test_no_child_outlives_the_context_and_none_starts_after_it(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    outcomes: list[Exception] = []

    def run() -> None:
        try:
            children.run([*PYTHON, f"open({str(pipe)!r}, 'w').write('up')\nwhile True: pass"])
        except CompileError as error:
            outcomes.append(error)

    with Children() as children:
        thread = threading.Thread(target=run)
        thread.start()
        assert pipe.read_text() == "up"
    thread.join()
    assert [type(error) for error in outcomes] == [Stopped]
    with pytest.raises(Stopped):
        children.run([*PYTHON, ""])


def test_the_first_failure_of_a_stage_ends_what_the_others_run() -> None:
    with Children(Limits(jobs=2)) as children:

        def stage(code: str) -> str:
            finished = children.run([*PYTHON, code])
            if finished.failure:
                raise CompileError(finished.failure)
            return finished.stdout.decode()

        assert Tools(children).map(stage, ["print(1)", "print(2)", "print(3)"]) == ["1\n", "2\n", "3\n"]
        with pytest.raises(CompileError, match="exit code 3"):
            Tools(children).map(stage, ["while True: pass", "raise SystemExit(3)"])


@pytest.mark.parametrize(
    ("limits", "what"),
    [
        ({"jobs": 0}, "0 jobs"),
        ({"seconds": 0}, "timeout of 0 s"),
        ({"seconds": float("nan")}, "timeout of nan s"),
        ({"seconds": float("inf")}, "timeout of inf s"),
        ({"memory": 1 << 20}, "memory limit of 1 MiB"),
        ({"memory": 1 << 63}, "no machine"),
    ],
)
def test_limits_that_nothing_can_run_in_are_refused(limits: dict[str, float], what: str) -> None:
    with pytest.raises(UsageError, match=what):
        Limits(**limits)


def test_a_killed_compile_takes_its_children_along(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    child = f"import os\nwith open({str(pipe)!r}, 'w') as file: file.write(str(os.getpid()))\nwhile True: pass"
    parent = f"from infc.compiler.toolchain.children import Children\nChildren().run({[*PYTHON, child]!r})"
    with subprocess.Popen([sys.executable, "-c", parent]) as process:
        started = os.pidfd_open(int(pipe.read_text()))
        process.kill()
    try:
        select.select([started], [], [])  # readable when the child has ended
    finally:
        os.close(started)


@pytest.mark.parametrize(
    ("groups", "file"),
    [
        ("0::/a/b\n", "a/memory.max"),
        ("0::/elsewhere\n", "memory.max"),
        ("7:cpu,cpuacct:/a\n5:memory:/a/b\n", "memory/a/b/memory.limit_in_bytes"),
    ],
)
def test_a_container_has_the_memory_of_its_limit(tmp_path: Path, groups: str, file: str) -> None:
    (tmp_path / "groups").write_text(groups)
    limit = tmp_path / "root" / file
    limit.parent.mkdir(parents=True)
    machine = available_memory(tmp_path / "none", tmp_path / "root")
    for text, expected in (("300000000", 300000000), ("max", machine), ("9223372036854771712", machine)):
        limit.write_text(f"{text}\n")
        assert available_memory(tmp_path / "groups", tmp_path / "root") == expected
