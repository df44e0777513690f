"""What the documents promise about the code: commands, exit codes, dependencies and links."""

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from infc import cli, console, errors

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
EXTRAS = ("pool", "compile", "huggingface", "onnx")
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def error_classes() -> list[type[errors.InfcError]]:
    found = [value for value in vars(errors).values() if isinstance(value, type)]
    return [value for value in found if issubclass(value, errors.InfcError)]


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_every_command_is_described_with_its_extra(name: str) -> None:
    lines = (REFERENCE / "cli.md").read_text().splitlines()
    (line,) = [line for line in lines if re.match(rf"\| `infc {name}\b", line)]
    extra = cli.COMMANDS[name].extra
    assert line.endswith(f"| `infc[{extra}]` |" if extra else "| `infc` |")


def test_every_exit_code_is_described() -> None:
    page = (REFERENCE / "cli.md").read_text()
    codes = {error.exit_code for error in error_classes()}
    codes |= {0, console.EXIT_USAGE, console.EXIT_BUG, console.EXIT_INTERRUPTED}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)} == codes


@pytest.mark.parametrize("error", error_classes())
def test_every_error_is_described_with_its_exit_code(error: type[errors.InfcError]) -> None:
    page = (REFERENCE / "errors.md").read_text()
    assert re.search(rf"^\| `{error.__name__}` \| {error.exit_code} \|", page, re.MULTILINE)


def test_every_dependency_is_described_and_none_other() -> None:
    table = re.findall(
        r"^\| ([a-z0-9-]+) \| ([≥0-9. ]+) \| `?([a-z]*)`? ?\|",
        (REFERENCE / "dependencies.md").read_text(),
        re.MULTILINE,
    )
    described = {(name, version.replace("≥ ", ">="), extra) for name, version, extra in table}
    required: set[tuple[str, str, str]] = set()
    for text in metadata.requires("infc") or []:
        each = Requirement(text)
        extras = [extra for extra in EXTRAS if each.marker and each.marker.evaluate({"extra": extra})]
        if each.name != "infc" and (each.marker is None or extras):
            required.add((each.name, str(each.specifier).removeprefix("=="), "".join(extras)))
    assert described == required


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_readme_names_the_two_commands_that_ci_runs() -> None:
    commands = re.findall(r"^make \w+$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert commands == ["make demo", "make test"]
    assert all(f"    {command}\n" in (ROOT / "README.md").read_text() for command in commands)
