"""A model whose calls have different sizes, with two methods: from a factory, and from two files that keep their dims.

infc compile examples/dynamic.py:ranker --method encode --method score --dynamic ids:0=batch[1..8],1=seq[1..32] --dynamic mask:0=batch,1=seq --bucket batch=8 --bucket seq=32 -o ranker.infc
infc run ranker.infc --method encode --random --dim batch=3 --dim seq=17
infc inspect ranker.infc     what was tried, and why the rest lost

python examples/dynamic.py out     writes out/encode.pt2, whose batch and sequence vary, and out/score.pt2
infc compile out/encode.pt2 --method encode --method score=out/score.pt2 --bucket ids_0=8 --bucket ids_1=32 -o files.infc
infc run files.infc --method encode --random --dim ids_0=3 --dim ids_1=17
"""  # noqa: E501 (commands to be copied)

import sys
from pathlib import Path

import torch
from torch import nn


class Ranker(nn.Module):
    """Texts become vectors, and vectors are compared."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(100, 32)
        self.mix = nn.Linear(32, 32)

    def encode(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """`ids` and `mask`, i64[batch, seq], to f32[batch, 32]."""
        shown = mask[:, :, None].float()
        return self.mix((self.embed(ids) * shown).sum(1) / shown.sum(1).clamp(min=1.0)).tanh()

    def score(self, query: torch.Tensor, documents: torch.Tensor) -> torch.Tensor:
        """`query` f32[1, 32] against `documents` f32[5, 32]."""
        return nn.functional.cosine_similarity(query, documents)


def ranker() -> tuple[Ranker, dict[str, tuple[torch.Tensor, ...]]]:
    """The model, and example inputs for each of its methods."""
    torch.manual_seed(0)
    ids = torch.randint(100, (2, 7))
    return Ranker(), {"encode": (ids, torch.ones_like(ids)), "score": (torch.randn(1, 32), torch.randn(5, 32))}


class Encode(nn.Module):
    """The first method as a module, for `torch.export`: the names of its arguments are those of the inputs."""

    def __init__(self, model: Ranker) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """As `Ranker.encode`."""
        return self.model.encode(ids, mask)


class Score(nn.Module):
    """The second."""

    def forward(self, query: torch.Tensor, documents: torch.Tensor) -> torch.Tensor:
        """As `Ranker.score`."""
        return nn.functional.cosine_similarity(query, documents)


def write(folder: Path) -> None:
    """Save each method as a .pt2 under `folder`."""
    folder.mkdir(exist_ok=True)
    model, inputs = ranker()
    dims = {0: torch.export.Dim("batch", max=8), 1: torch.export.Dim("seq", max=32)}
    encode = torch.export.export(Encode(model), inputs["encode"], dynamic_shapes=(dims, dims))
    torch.export.save(encode, folder / "encode.pt2")
    torch.export.save(torch.export.export(Score(), inputs["score"]), folder / "score.pt2")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
