"""Several modalities in one model."""

import torch
import transformers as t

from small import SMALL, VISION, Entry, build, image, tokens

TEXT = {**SMALL, "projection_dim": 32}
EYES = {**VISION, "projection_dim": 32}


def both(size: int = 32) -> dict[str, torch.Tensor]:
    """Tokens and an image."""
    return {**tokens(), **image(size)}


def clip() -> Entry:
    return build(t.CLIPModel, t.CLIPConfig(text_config=TEXT, vision_config=EYES, projection_dim=32), both())


def siglip() -> Entry:
    return build(t.SiglipModel, t.SiglipConfig(text_config=SMALL, vision_config=VISION), both())


def chinese_clip() -> Entry:
    config = t.ChineseCLIPConfig(text_config=SMALL, vision_config=EYES, projection_dim=32)
    return build(t.ChineseCLIPModel, config, both())


def clipseg() -> Entry:
    config = t.CLIPSegConfig(text_config=TEXT, vision_config=EYES, projection_dim=32)
    return build(t.CLIPSegModel, config, both())


def groupvit() -> Entry:
    vision = {**VISION, "depths": [1, 1, 1], "num_group_tokens": [4, 2, 0], "num_output_groups": [4, 2, 0]}
    config = t.GroupViTConfig(
        text_config=SMALL, vision_config=vision, projection_dim=32, projection_intermediate_dim=64
    )
    return build(t.GroupViTModel, config, both())


def blip() -> Entry:
    config = t.BlipConfig(
        text_config={**TEXT, "encoder_hidden_size": 32, "is_decoder": False}, vision_config=EYES, projection_dim=32
    )
    return build(t.BlipModel, config, both())


def vilt() -> Entry:
    config = t.ViltConfig(**{**SMALL, **VISION}, max_image_length=-1)
    return build(t.ViltModel, config, {**both(), "pixel_mask": torch.ones(2, 32, 32, dtype=torch.int64)})


def visual_bert() -> Entry:
    torch.manual_seed(7)
    inputs = {**tokens(), "visual_embeds": torch.randn(2, 5, 24), "visual_attention_mask": torch.ones(2, 5)}
    return build(t.VisualBertModel, t.VisualBertConfig(**SMALL, visual_embedding_dim=24), inputs)


def lxmert() -> Entry:
    torch.manual_seed(8)
    config = t.LxmertConfig(
        **{key: SMALL[key] for key in ("vocab_size", "hidden_size", "num_attention_heads", "intermediate_size")},
        l_layers=1,
        x_layers=1,
        r_layers=1,
        visual_feat_dim=24,
    )
    return build(
        t.LxmertModel, config, {**tokens(), "visual_feats": torch.randn(2, 5, 24), "visual_pos": torch.rand(2, 5, 4)}
    )


def git() -> Entry:
    return build(t.GitForCausalLM, t.GitConfig(**SMALL, vision_config=VISION, use_cache=False), both())


def layoutlm() -> Entry:
    boxes = torch.full((2, 16, 4), 20)  # of any size: widths and heights index a table, and random ones are negative
    return build(t.LayoutLMModel, t.LayoutLMConfig(**SMALL), {**tokens(), "bbox": boxes})


def trocr() -> Entry:
    from transformers import VisionEncoderDecoderConfig, VisionEncoderDecoderModel

    decoder = t.BertConfig(**SMALL, is_decoder=True, add_cross_attention=True, use_cache=False)
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(t.ViTConfig(**VISION), decoder)
    config.use_cache = False
    inputs = {**image(), "decoder_input_ids": torch.arange(16).reshape(2, 8) + 3}
    return build(VisionEncoderDecoderModel, config, inputs)
