"""One small model behind several front doors of `infc compile`.

python examples/doors.py out     writes a Hugging Face folder, out/vit, and out/vit.safetensors, vit.pt and vit.onnx
infc compile out/vit -o vit.infc --task image-classification
infc compile out/vit.safetensors --factory examples/doors.py:classifier -o vit.infc
infc compile out/vit.pt --factory examples/doors.py:classifier -o vit.infc
infc compile out/vit.onnx -o vit.infc
infc compile examples/doors.py:classifier -o vit.infc     random weights: the factory alone
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import ViTConfig, ViTForImageClassification

CONFIG = ViTConfig(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, image_size=32, patch_size=8
)


def classifier() -> tuple[ViTForImageClassification, dict[str, torch.Tensor]]:
    """The module, as small as it goes, and its example input: one image, f32[1, 3, 32, 32]."""
    pixels = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    return ViTForImageClassification(CONFIG).eval(), {"pixel_values": pixels}


def write(folder: Path) -> None:
    """Save the same weights in every form, under `folder`."""
    torch.manual_seed(0)
    module, inputs = classifier()
    module.save_pretrained(folder / "vit")
    save_file(module.state_dict(), folder / "vit.safetensors")
    torch.save(module.state_dict(), folder / "vit.pt")
    names = {"input_names": ["pixel_values"], "output_names": ["logits"]}
    torch.onnx.export(module, (), folder / "vit.onnx", kwargs=inputs, external_data=False, verbose=False, **names)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
