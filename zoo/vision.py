"""Vision."""

import transformers as t

from small import VISION, Entry, build, image

STAGES = {"embed_dim": 16, "depths": [1, 1], "num_heads": [2, 4], "image_size": 32, "patch_size": 4, "window_size": 4}


def vit() -> Entry:
    return build(t.ViTForImageClassification, t.ViTConfig(**VISION), image())


def deit() -> Entry:
    return build(t.DeiTModel, t.DeiTConfig(**VISION), image())


def beit() -> Entry:
    return build(t.BeitModel, t.BeitConfig(**VISION, use_relative_position_bias=True), image())


def swin() -> Entry:
    return build(t.SwinModel, t.SwinConfig(**STAGES), image())


def swinv2() -> Entry:
    return build(t.Swinv2Model, t.Swinv2Config(**STAGES), image())


def convnext() -> Entry:
    return build(t.ConvNextModel, t.ConvNextConfig(hidden_sizes=[16, 24, 32, 48], depths=[1, 1, 1, 1]), image())


def convnextv2() -> Entry:
    return build(t.ConvNextV2Model, t.ConvNextV2Config(hidden_sizes=[16, 24, 32, 48], depths=[1, 1, 1, 1]), image())


def resnet() -> Entry:
    config = t.ResNetConfig(embedding_size=16, hidden_sizes=[16, 24, 32, 48], depths=[1, 1, 1, 1])
    return build(t.ResNetForImageClassification, config, image())


def regnet() -> Entry:
    config = t.RegNetConfig(embedding_size=16, hidden_sizes=[16, 24, 32, 48], depths=[1, 1, 1, 1], groups_width=8)
    return build(t.RegNetModel, config, image())


def mobilenet_v1() -> Entry:
    return build(t.MobileNetV1Model, t.MobileNetV1Config(image_size=32, depth_multiplier=0.25, min_depth=8), image())


def mobilenet_v2() -> Entry:
    return build(t.MobileNetV2Model, t.MobileNetV2Config(image_size=32, depth_multiplier=0.25), image())


def mobilevit() -> Entry:
    config = t.MobileViTConfig(
        image_size=32,
        hidden_sizes=[16, 24, 32],
        neck_hidden_sizes=[8, 16, 16, 24, 32, 32, 40],
        num_attention_heads=4,
        mlp_ratio=2.0,
    )
    return build(t.MobileViTModel, config, image())


def efficientnet() -> Entry:
    config = t.EfficientNetConfig(
        image_size=32, width_coefficient=0.25, depth_coefficient=0.25, hidden_dim=320, depthwise_padding=[]
    )
    return build(t.EfficientNetModel, config, image())


def segformer() -> Entry:
    config = t.SegformerConfig(
        depths=[1, 1, 1, 1], hidden_sizes=[8, 16, 16, 32], num_attention_heads=[1, 2, 2, 4], decoder_hidden_size=32
    )
    return build(t.SegformerForSemanticSegmentation, config, image(64))


def dinov2() -> Entry:
    return build(t.Dinov2Model, t.Dinov2Config(**VISION), image())


def dpt() -> Entry:
    config = t.DPTConfig(
        **{**VISION, "num_hidden_layers": 4},
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 16, 16, 32],
        fusion_hidden_size=16,
        is_hybrid=False,
    )
    return build(t.DPTForDepthEstimation, config, image())


def poolformer() -> Entry:
    config = t.PoolFormerConfig(hidden_sizes=[8, 16, 16, 32], depths=[1, 1, 1, 1])
    return build(t.PoolFormerModel, config, image())


def cvt() -> Entry:
    return build(t.CvtModel, t.CvtConfig(embed_dim=[16, 32, 48], num_heads=[1, 2, 3], depth=[1, 2, 3]), image())


def pvt() -> Entry:
    config = t.PvtConfig(image_size=64, hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1])
    config.num_attention_heads = [1, 2, 2, 4]
    return build(t.PvtModel, config, image(64))


def focalnet() -> Entry:
    config = t.FocalNetConfig(
        image_size=32, embed_dim=16, depths=[1, 1], focal_levels=[2, 2], focal_windows=[3, 3], hidden_sizes=[16, 32]
    )
    return build(t.FocalNetModel, config, image())


def yolos() -> Entry:
    config = t.YolosConfig(**{**VISION, "image_size": [32, 32]}, num_detection_tokens=4)
    return build(t.YolosForObjectDetection, config, image())


def levit() -> Entry:
    config = t.LevitConfig(
        image_size=64, hidden_sizes=[16, 32, 48], num_attention_heads=[1, 2, 3], depths=[1, 1, 1], key_dim=[8, 8, 8]
    )
    return build(t.LevitModel, config, image(64))
