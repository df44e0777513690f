"""Child of attach.py: the private memory that attaching one artifact adds to a process, as JSON.

    python bench/private_memory.py ARTIFACT

Counted is what is dirty and the process's own (`Private_Dirty` of smaps_rollup). A page of a mapped file is the page
cache's: any process that maps the file shares it, and the kernel may drop it.
"""

import json
import sys
from pathlib import Path

import numpy as np

from infc.runtime.artifact import Artifact
from infc.runtime.session import Session
from infc.runtime.shapes import sized


def private_bytes() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_Dirty:"))


def main() -> None:
    artifact = Artifact.open(sys.argv[1])
    inputs = {spec.name: np.zeros(sized(spec, {}), np.int64) for spec in artifact.method().inputs}
    before = private_bytes()
    session = Session.attach(artifact)
    attached = private_bytes()
    session.run(inputs)
    called = private_bytes()
    weights = sum(stage.slab.length for stage in artifact.build().stages)
    print(json.dumps({"weights": weights, "attach": attached - before, "first_call": called - attached}))


if __name__ == "__main__":
    main()
