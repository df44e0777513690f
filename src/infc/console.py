"""How infc's command line ends: every outcome becomes an exit code, every failure the same few lines on stderr.

Exit codes: 0 done, 2 wrong usage, 70 a bug in infc, 130 interrupted, else the `exit_code` of the error's class in
`infc.errors`.
"""

import errno
import os
import sys
import traceback
from collections.abc import Callable

import click

from infc.errors import InfcError

EXIT_USAGE = 2
EXIT_BUG = 70
EXIT_INTERRUPTED = 130


def exit_code_of(run: Callable[[], object]) -> int:
    """Run a click command in its non-standalone mode, print what went wrong, and return the process's exit code."""
    before = sys.stdout
    try:
        code = run()
        sys.stdout.flush()
    except InfcError as error:
        print_error(error.message, error.hint)
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return EXIT_USAGE
    except click.UsageError as error:
        print_error(error.format_message(), f"`{error.ctx.command_path if error.ctx else 'infc'} --help` shows its use")
        return EXIT_USAGE
    except click.ClickException as error:
        print_error(error.format_message())
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except SystemExit as end:
        # Where click finds out first that the reader is gone, it wraps stdout and exits with 1; rich exits with 1.
        if sys.stdout is before and not isinstance(end.__context__, BrokenPipeError):
            raise
        _drop_output()
        return 0
    except BrokenPipeError:
        _drop_output()  # the reader (`| head`) has what it wanted
        return 0
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            return _report_bug(error)
        _drop_output()
        print_error(
            f"cannot write {error.filename or 'the output'}: {error.strerror}", "free some space and run it again"
        )
        return InfcError.exit_code
    except Exception as error:  # noqa: BLE001 (the last line of defence: nobody is to see a bare traceback)
        return _report_bug(error)
    # click hands back the code of an early exit (`--help`), and whatever the command returned otherwise.
    return code if isinstance(code, int) else 0


def print_error(message: str, hint: str = "") -> None:
    """Print what is wrong, a blank line and the next step, on stderr."""
    color = False if os.environ.get("NO_COLOR") else None
    click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", err=True, color=color)
    if hint:
        click.echo(f"\n{click.style('hint:', fg='cyan', bold=True)} {hint}", err=True, color=color)


def _drop_output() -> None:
    """Let what stdout holds and cannot write go nowhere: Python flushes it once more at exit, and would fail again."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report_bug(error: Exception) -> int:
    """Print one line for an exception that nobody raised on purpose; its traceback only with INFC_DEBUG=1."""
    if os.environ.get("INFC_DEBUG") == "1":
        traceback.print_exception(error)
    print_error(
        f"unexpected {type(error).__name__}: {error}",
        "this is a bug in infc: run it again with INFC_DEBUG=1 and report the traceback, with the output of "
        "`infc doctor --json`, on the project's issue tracker",
    )
    return EXIT_BUG
