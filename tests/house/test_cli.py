"""The root of the command line: every way it can end, in processes of its own where the process is the point."""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from infc import cli, errors
from infc.console import exit_code_of


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "NO_COLOR": "1", **environment}
    return subprocess.run([sys.executable, "-m", "infc", *arguments], env=env, capture_output=True, text=True)


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """Run `infc planted`, a command whose body is given as source text."""

    def invoke(body: str) -> Result:
        source = "import click\nfrom infc.errors import *\n\n@click.command()\ndef planted():\n    "
        (tmp_path / "planted_command.py").write_text(source + body + "\n")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "planted_command", raising=False)
        monkeypatch.setitem(cli.COMMANDS, "planted", cli.Entry("planted_command:planted", "", "pool"))
        return CliRunner().invoke(cli.main, ["planted"])

    return invoke


def test_help_lists_every_command() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    for name, entry in cli.COMMANDS.items():
        assert f"  {name} " in done.stdout
        assert entry.help in done.stdout


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_every_command_is_there(name: str) -> None:
    done = run(name, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Usage: infc {name} ")


def test_version_is_that_of_the_package() -> None:
    assert run("--version").stdout == f"infc, version {version('infc')}\n"


def test_the_console_script_is_the_same_program() -> None:
    script = Path(sys.executable).with_name("infc")
    done = subprocess.run([script, "--version"], capture_output=True, text=True)
    assert done.stdout == run("--version").stdout


def test_no_arguments_show_the_help_and_fail() -> None:
    done = run()
    assert done.returncode == 2
    assert "Commands:" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (("nothing",), "No such command 'nothing'.", "`infc --help` shows its use"),
        (("--nothing",), "No such option '--nothing'.", "`infc --help` shows its use"),
        (("doctor", "--nothing"), "No such option '--nothing'.", "`infc doctor --help` shows its use"),
        (("doctor", "x"), "Got unexpected extra argument (x)", "`infc doctor --help` shows its use"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], message: str, hint: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    first, blank, second = done.stderr.splitlines()
    assert first.startswith("error: ")
    assert message.rstrip(".") in first
    assert blank == ""
    assert second == f"hint: {hint}"


@pytest.mark.parametrize("name", ["SourceError", "ArtifactError", "VerifyError", "PoolUnavailable", "InfcError"])
def test_an_infc_error_is_printed_and_gives_its_exit_code(planted: Callable[..., Result], name: str) -> None:
    result = planted(f"raise {name}('the value 3 is wrong', hint='use 4')")
    assert result.exit_code == getattr(errors, name).exit_code
    assert result.stdout == ""
    assert result.stderr == "error: the value 3 is wrong\n\nhint: use 4\n"


def test_an_error_without_a_hint_is_one_line(planted: Callable[..., Result]) -> None:
    assert planted("raise InfcError('that is all')").stderr == "error: that is all\n"


def test_a_missing_extra_is_named(planted: Callable[..., Result]) -> None:
    result = planted("raise ModuleNotFoundError('no', name='iree.runtime')")
    assert result.exit_code == 1
    assert result.stderr == (
        "error: `infc planted` needs the package 'iree', which is not installed\n\nhint: pip install 'infc[pool]'\n"
    )


def test_a_missing_module_of_another_name_is_a_bug(planted: Callable[..., Result]) -> None:
    assert planted("raise ModuleNotFoundError('no', name='nonsense')").exit_code == 70


def test_a_bug_prints_no_traceback(planted: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INFC_DEBUG", raising=False)
    result = planted("raise KeyError('x')")
    assert result.exit_code == 70
    assert result.stderr.startswith("error: unexpected KeyError: 'x'\n\nhint: this is a bug in infc")
    assert "Traceback" not in result.stderr


def test_a_bug_prints_its_traceback_when_asked(planted: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFC_DEBUG", "1")
    assert "Traceback" in planted("raise KeyError('x')").stderr


def test_interrupted(planted: Callable[..., Result]) -> None:
    assert planted("raise KeyboardInterrupt").exit_code == 130


def test_a_command_that_is_done_exits_with_0(planted: Callable[..., Result]) -> None:
    result = planted("click.echo('data')")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "data\n", "")


def test_a_reader_that_goes_away_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "infc", "--help"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert done.stderr == ""


def test_a_file_that_is_not_there_is_reported_by_click_in_our_form(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> object:
        raise click.FileError("model.pt", "no such file")

    assert exit_code_of(fail) == 1
    assert capsys.readouterr().err == "error: Could not open file 'model.pt': no such file\n"


def test_colour_only_where_it_is_wanted(planted: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in planted("raise InfcError('x')").stderr


@pytest.mark.parametrize("command", ["--help", "doctor"])
def test_a_reader_that_has_enough_is_no_failure(command: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "infc", command], stdout=writing, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
