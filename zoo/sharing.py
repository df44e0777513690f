"""Narrow floats, and tensors that are shared, derived or not saved."""

import decoder
import text
import torch
import transformers as t
import vision
from torch import nn

from small import Entry, build, tokens


def narrowed(entry: Entry, dtype: torch.dtype) -> Entry:
    """The entry with its weights and its floating-point inputs in `dtype`."""
    module, inputs = entry
    cast = {name: each.to(dtype) if each.is_floating_point() else each for name, each in inputs.items()}
    return module.to(dtype), cast


def bert_f16() -> Entry:
    return narrowed(text.bert(), torch.float16)


def bert_bf16() -> Entry:
    return narrowed(text.bert(), torch.bfloat16)


def llama_f16() -> Entry:
    return narrowed(decoder.llama(), torch.float16)


def llama_bf16() -> Entry:
    return narrowed(decoder.llama(), torch.bfloat16)


def vit_f16() -> Entry:
    return narrowed(vision.vit(), torch.float16)


def vit_bf16() -> Entry:
    return narrowed(vision.vit(), torch.bfloat16)


def gpt2_tied() -> Entry:
    """Its head is its table of tokens, as GPT-2's is."""
    config = t.GPT2Config(**decoder.GPT, bos_token_id=1, eos_token_id=2, tie_word_embeddings=True)
    module, inputs = build(t.GPT2LMHeadModel, config, tokens())
    assert module.get_parameter("lm_head.weight") is module.get_parameter("transformer.wte.weight")
    return module, inputs


class Recurrent(nn.Module):
    """One layer three times, a head that is the table's transpose, and positions that no checkpoint holds."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(99, 32)
        self.layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
        angles = torch.outer(torch.arange(64.0), 1e4 ** -(torch.arange(0, 32, 2) / 32))
        self.register_buffer("positions", torch.cat([angles.sin(), angles.cos()], -1), persistent=False)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        x = self.embed(input_ids) + self.get_buffer("positions")[: input_ids.shape[1]]
        for _ in range(3):
            x = self.layer(x)
        return x @ self.embed.weight.T


def shared_layers() -> Entry:
    return build(lambda _: Recurrent(), None, tokens(mask=False))


class Turned(nn.Module):
    """Queries and keys of an image's patches, turned by their row and their column as complex numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.both = nn.Linear(16, 32)
        rows, columns = torch.meshgrid(torch.arange(4.0), torch.arange(4.0), indexing="ij")
        speeds = 100.0 ** -(torch.arange(4) / 4)
        angles = torch.cat([rows.reshape(-1, 1) * speeds, columns.reshape(-1, 1) * speeds], -1)
        self.register_buffer("turns", torch.polar(torch.ones_like(angles), angles), persistent=False)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        parts = self.both(patches).chunk(2, -1)
        turned = [torch.view_as_complex(part.unflatten(-1, (8, 2))) * self.get_buffer("turns") for part in parts]
        query, key = (torch.view_as_real(part).flatten(-2) for part in turned)
        return (query @ key.transpose(1, 2)).softmax(-1) @ patches


def complex_rotary_in_two_dims() -> Entry:
    torch.manual_seed(6)
    return build(lambda _: Turned(), None, {"patches": torch.randn(2, 16, 16)})
