"""lit: every tests/lit/**/*.mlir is one test, run with the tools of the interpreter that runs lit.

lit puts `config` into this file's globals.
"""

import shlex
import sys
from pathlib import Path

import lit.formats

root = Path(__file__).parent
# The environment's own scripts, whatever PATH says: `lit` started by its full path still finds its neighbours.
tools = Path(sys.executable).parent

config.name = "infc"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir"]
config.excludes = [".venv", "build", "demo", "Inputs"]
config.test_source_root = str(root)
config.test_exec_root = str(root / "build" / "lit")
config.substitutions += [
    (r"\b" + name + r"(?= )", shlex.quote(str(tools / name))) for name in ("infc-opt", "filecheck")
]
