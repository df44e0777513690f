"""The protocol's `.proto` and what protoc makes of it.

`templates/open_inference.proto` is the one source. `remote/oip/open_inference.binpb` is written from it by
`python -m infc.codegen.descriptors remote/oip/open_inference.binpb` (a test says when that was forgotten); every
generated client package carries a copy of both.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from infc.errors import CompileError

PROTO_NAME = "open_inference.proto"


def proto_text() -> str:
    """The Open Inference Protocol's `.proto`, as text."""
    return Path(__file__).with_name("templates").joinpath(PROTO_NAME).read_text(encoding="utf-8")


def descriptor_set(proto: str) -> bytes:
    """Compile `.proto` text and return it as a serialized `FileDescriptorSet`, comments left out.

    Raises:
        CompileError: protoc refuses the text, or grpcio-tools is not installed.
    """
    with TemporaryDirectory() as folder:
        source, target = Path(folder, PROTO_NAME), Path(folder, "set.binpb")
        source.write_text(proto, encoding="utf-8")
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", f"--descriptor_set_out={target}", source]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise CompileError(
                f"protoc failed on {PROTO_NAME}: {done.stderr.strip()}",
                hint="protoc comes with grpcio-tools: pip install 'infc[compile]'",
                stage="codegen",
                command=[str(word) for word in command],
            )
        return target.read_bytes()


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(descriptor_set(proto_text()))
