"""`infc`: the root of the command line.

The commands live in the packages that they belong to. The table below names them, so that `infc --help` imports none
of them and an install without PyTorch or IREE can still run what it has the packages for.
"""

import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NoReturn

import click

from infc import __version__
from infc.console import exit_code_of
from infc.errors import InfcError


@dataclass(frozen=True)
class Entry:
    """Where a command lives (`module:attribute`), its line in the help, and the extra that installs what it needs.

    A command without an extra needs the base install only.
    """

    target: str
    help: str
    extra: str = ""


COMMANDS = {
    "compile": Entry("infc.compiler.cli:compile_", "Compile a PyTorch model into an artifact.", "compile"),
    "verify": Entry("infc.compiler.cli:verify", "Compare an artifact's numbers with PyTorch's.", "compile"),
    "cache": Entry("infc.compiler.caching.cache_cli:cache", "Show or empty the compile cache.", "compile"),
    "inspect": Entry("infc.runtime.cli:inspect", "Show what is inside an artifact.", "pool"),
    "run": Entry("infc.runtime.cli:run", "Run an artifact here, once.", "pool"),
    "codegen": Entry("infc.codegen.cli:codegen", "Write a client package and a pointer file.", "compile"),
    "serve": Entry("infc.remote.cli:serve", "Serve artifacts from a pool.", "pool"),
    "store": Entry("infc.runtime.store.cli:store", "Keep many models in one directory, each chunk once.", "pool"),
    "memory": Entry(
        "infc.runtime.memory.cli:memory", "Watch and plan the memory that models' weights live in.", "pool"
    ),
    "doctor": Entry("infc.doctor:doctor", "Report versions, devices and kernel features."),
}

# What only the extras install. A missing module of another name is a defect, and is reported as one.
EXTRA_MODULES = frozenset(
    {
        "fsspec",
        "grpc_health",
        "grpc_reflection",
        "grpc_tools",
        "iree",
        "jinja2",
        "ml_dtypes",
        "msgspec",
        "prometheus_client",
        "torch",
        "torch_mlir",
    }
)
_NAME = "infc.command"  # the key of the command's name in the context


class Commands(click.Group):
    """A group whose commands are imported when they are run, and whose failures are printed in one form."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        ctx.meta[_NAME] = cmd_name
        module, _, attribute = COMMANDS[cmd_name].target.partition(":")
        return getattr(import_module(module), attribute)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            name = ctx.meta[_NAME]
            if package not in EXTRA_MODULES or not COMMANDS[name].extra:
                raise
            raise InfcError(
                f"`infc {name}` needs the package {package!r}, which is not installed",
                hint=f"pip install 'infc[{COMMANDS[name].extra}]'",
            ) from error

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run the command line and exit. Lets no exception out but `SystemExit`."""
        extra["standalone_mode"] = False
        run = super().main
        sys.exit(exit_code_of(lambda: run(*args, **extra)))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="infc")
def main() -> None:
    """Compile PyTorch models, serve them from shared accelerators, keep torch.load in the application."""
