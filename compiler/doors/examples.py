"""Example inputs of a transformers model, made from its configuration."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch

from infc.errors import SourceError

from .request import Shape

SEQUENCE = 128  # tokens, where the model has positions for twice as many
_IMAGE = 224  # pixels, where the configuration does not say
_AUDIO = 16_000  # samples: one second
_TEXT, _DECODER, _MASK = "input_ids", "decoder_input_ids", "attention_mask"


def example_inputs(module: Any, shapes: Mapping[str, Shape]) -> dict[str, torch.Tensor]:
    """Inputs by the names of `forward`; `shapes` sets those that it names, and adds inputs that would be left out.

    Tokens are i64[1, 128] (fewer for models with few positions) with a mask of ones, images f32[1, channels, height,
    width], sound f32[1, 16000] or the features that the model takes.

    Raises:
        SourceError: `forward` has no such input, or the model's main input is one that infc knows no example of.
    """
    config, takes = module.config, inspect.signature(module.forward).parameters
    for name in shapes:
        if name not in takes:
            raise SourceError(
                f"{type(module).__name__} takes no input {name!r}", hint=f"it takes {', '.join(map(str, takes))}"
            )
    generator = torch.Generator().manual_seed(0)
    names = [module.main_input_name]
    names += [_TEXT] if hasattr(config, "text_config") and _TEXT in takes else []
    names += ["pixel_values"] if hasattr(config, "vision_config") and "pixel_values" in takes else []
    names += [_DECODER] if config.is_encoder_decoder and _DECODER in takes else []
    found: dict[str, torch.Tensor] = {}
    for name in dict.fromkeys([*names, *shapes]):
        shape = shapes.get(name) or _shape(module, name)
        found[name] = _filled(name, shape, config, generator)
    if _TEXT in found and _MASK in takes and _MASK not in found:
        found[_MASK] = torch.ones_like(found[_TEXT])
    return found


def _shape(module: Any, name: str) -> Shape:
    if name not in _SHAPES:
        raise SourceError(
            f"infc knows no example for the input {name!r} of {type(module).__name__}",
            hint=f"say its shape: --input {name}=1x64xf32",
        )
    kind = torch.int64 if name in (_TEXT, _DECODER) else module.dtype
    return Shape(_SHAPES[name](module.config), kind)


def _tokens(config: Any) -> tuple[int, ...]:
    text = config.get_text_config()
    # Half of the positions: some architectures keep the first few for themselves.
    positions = getattr(text, "max_target_positions", None) or getattr(text, "max_position_embeddings", None)
    positions = positions or 2 * SEQUENCE
    return 1, max(1, min(SEQUENCE, positions // 2))


def _image(config: Any) -> tuple[int, ...]:
    vision = getattr(config, "vision_config", config)
    size = getattr(vision, "image_size", None) or _IMAGE
    height, width = (size, size) if isinstance(size, int) else tuple(size)
    return 1, getattr(vision, "num_channels", 3), height, width


def _sound(config: Any) -> tuple[int, ...]:
    if hasattr(config, "num_mel_bins") and hasattr(config, "max_length") and hasattr(config, "patch_size"):
        return 1, config.max_length, config.num_mel_bins  # a spectrogram in patches
    return 1, _AUDIO


def _features(config: Any) -> tuple[int, ...]:
    # Whisper halves its frames before it adds its positions.
    return 1, config.num_mel_bins, 2 * config.max_source_positions


_SHAPES: dict[str, Callable[[Any], tuple[int, ...]]] = {
    _TEXT: _tokens,
    _DECODER: _tokens,
    "pixel_values": _image,
    "input_values": _sound,
    "input_features": _features,
}


def _filled(name: str, shape: Shape, config: Any, generator: torch.Generator) -> torch.Tensor:
    if name in (_TEXT, _DECODER):
        return torch.randint(0, config.get_text_config().vocab_size, shape.dims, generator=generator).to(shape.dtype)
    if shape.dtype.is_floating_point:
        return torch.randn(shape.dims, generator=generator).to(shape.dtype)
    fill = torch.ones if "mask" in name else torch.zeros
    return fill(shape.dims, dtype=shape.dtype)
