"""What the entries share: small sizes, example inputs, and how a model is built with fixed random weights."""

from typing import Any

import torch
from torch import nn

Entry = tuple[nn.Module, dict[str, torch.Tensor]]

BATCH, SEQUENCE, VOCABULARY, IMAGE = 2, 16, 99, 32

# The names that most configurations of transformers use. Two layers show what forty would.
SMALL: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GROUPED: dict[str, Any] = {**SMALL, "num_key_value_heads": 2, "use_cache": False}
BART: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 64,
    "use_cache": False,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 2,
}
VISION: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "image_size": IMAGE,
    "patch_size": 8,
}


def build(model: Any, config: Any, inputs: dict[str, torch.Tensor]) -> Entry:
    """`model(config)` with the same random weights each time, and its inputs.

    Fresh models have zeros and ones where trained ones have numbers (biases, norms): noise keeps an error there from
    hiding.
    """
    torch.manual_seed(0)
    module: nn.Module = model(config).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dtype.is_floating_point:
                parameter += 0.02 * torch.randn(parameter.shape, generator=generator).to(parameter.dtype)
    return module, inputs


def plain(module: nn.Module, *inputs: torch.Tensor) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """A module of torch.nn and its positional inputs."""
    return module.eval(), inputs


def tokens(*, mask: bool = True, sequence: int = SEQUENCE) -> dict[str, torch.Tensor]:
    """`input_ids` i64[BATCH, sequence] and an `attention_mask` of ones."""
    torch.manual_seed(2)
    ids = torch.randint(3, VOCABULARY, (BATCH, sequence))
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)} if mask else {"input_ids": ids}


def pairs(**options: Any) -> dict[str, torch.Tensor]:
    """`tokens` and 8 `decoder_input_ids`."""
    torch.manual_seed(3)
    return {**tokens(**options), "decoder_input_ids": torch.randint(3, VOCABULARY, (BATCH, 8))}


def image(size: int = IMAGE, channels: int = 3) -> dict[str, torch.Tensor]:
    """`pixel_values` f32[BATCH, channels, size, size]."""
    torch.manual_seed(4)
    return {"pixel_values": torch.randn(BATCH, channels, size, size)}


def waveform(samples: int = 1600) -> dict[str, torch.Tensor]:
    """`input_values` f32[BATCH, samples]."""
    torch.manual_seed(5)
    return {"input_values": torch.randn(BATCH, samples)}
