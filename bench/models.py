"""The models that the benchmarks run: factories for `infc compile bench/models.py:NAME`, with random weights.

Speed does not depend on the weights' values, and random ones need no download.
"""

import torch
from transformers import BertConfig, BertModel, LlamaConfig, LlamaForCausalLM, ResNetConfig, ResNetModel

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


class Decoder(torch.nn.Module):
    """Llama down to its logits, without a cache: one call reads every weight once."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.llama = LlamaForCausalLM(config)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """From i64[1, tokens] to f32[1, tokens, vocabulary]."""
        return self.llama(input_ids=input_ids, use_cache=False).logits


def llama_prompt() -> tuple[Decoder, tuple[torch.Tensor]]:
    """A small Llama, 37 million parameters, f32: a prompt of 16 tokens."""
    return _decoder(16, 768, 4)


def llama_token() -> tuple[Decoder, tuple[torch.Tensor]]:
    """The same with a single token, which reads the same weights for a 16th of the work."""
    return _decoder(1, 768, 4)


def llama_tiny() -> tuple[Decoder, tuple[torch.Tensor]]:
    """One small layer: for `--quick`."""
    return _decoder(1, 128, 1)


def _decoder(tokens: int, hidden: int, layers: int) -> tuple[Decoder, tuple[torch.Tensor]]:
    torch.manual_seed(0)
    heads = hidden // 64
    config = LlamaConfig(
        hidden_size=hidden,
        intermediate_size=hidden // 3 * 8,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads // 3 or 1,
        vocab_size=8000,
    )
    return Decoder(config).eval(), (torch.randint(0, config.vocab_size, (1, tokens)),)


class Features(torch.nn.Module):
    """ResNet down to its pooled features."""

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        self.resnet = ResNetModel(config)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """From f32[1, 3, height, width] to f32[1, features, 1, 1]."""
        return self.resnet(pixels).pooler_output


def resnet_50() -> tuple[Features, tuple[torch.Tensor]]:
    """ResNet-50: one picture of 224×224, f32."""
    return _features(ResNetConfig(), 224)


def resnet_tiny() -> tuple[Features, tuple[torch.Tensor]]:
    """Two small blocks: for `--quick`."""
    return _features(ResNetConfig(embedding_size=8, hidden_sizes=[16, 32], depths=[1, 1], layer_type="basic"), 32)


def _features(config: ResNetConfig, size: int) -> tuple[Features, tuple[torch.Tensor]]:
    torch.manual_seed(0)
    return Features(config).eval(), (torch.randn(1, 3, size, size),)
