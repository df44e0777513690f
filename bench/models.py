"""The models that the benchmarks run: factories for `infc compile bench/models.py:NAME`, with random weights.

Speed does not depend on the weights' values, and random ones need no download.
"""

import torch
from transformers import BertConfig, BertModel

SEQUENCE = 128


class Encoder(torch.nn.Module):
    """BERT down to its last hidden state, so that every side computes the same one tensor."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.bert = BertModel(config, add_pooling_layer=False)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Encode i64[1, SEQUENCE] tokens into f32[1, SEQUENCE, hidden]."""
        return self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


def bert_base() -> tuple[Encoder, tuple[torch.Tensor, torch.Tensor]]:
    """BERT-base: 12 layers, hidden size 768, f32, batch 1, 128 tokens."""
    return _encoder(BertConfig())


def bert_tiny() -> tuple[Encoder, tuple[torch.Tensor, torch.Tensor]]:
    """Two small layers: for `--quick`, and for trying a benchmark out."""
    return _encoder(BertConfig(hidden_size=128, intermediate_size=512, num_hidden_layers=2, num_attention_heads=2))


def _encoder(config: BertConfig) -> tuple[Encoder, tuple[torch.Tensor, torch.Tensor]]:
    torch.manual_seed(0)
    ids = torch.randint(0, config.vocab_size, (1, SEQUENCE))
    return Encoder(config).eval(), (ids, torch.ones_like(ids))
