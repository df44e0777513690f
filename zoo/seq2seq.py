"""Encoder-decoders: both halves in one call, without a cache."""

import transformers as t

from small import BART, Entry, build, pairs

T5 = {
    "vocab_size": 99,
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 64,
    "num_layers": 2,
    "num_heads": 4,
    "use_cache": False,
    "decoder_start_token_id": 0,
}


def t5() -> Entry:
    return build(t.T5ForConditionalGeneration, t.T5Config(**T5), pairs())


def mt5() -> Entry:
    return build(t.MT5Model, t.MT5Config(**T5), pairs())


def umt5() -> Entry:
    return build(t.UMT5Model, t.UMT5Config(**T5), pairs())


def bart() -> Entry:
    return build(t.BartForConditionalGeneration, t.BartConfig(**BART), pairs())


def mbart() -> Entry:
    return build(t.MBartModel, t.MBartConfig(**BART), pairs())


def pegasus() -> Entry:
    return build(t.PegasusForConditionalGeneration, t.PegasusConfig(**BART), pairs())


def marian() -> Entry:
    return build(t.MarianMTModel, t.MarianConfig(**BART), pairs())


def blenderbot() -> Entry:
    return build(t.BlenderbotModel, t.BlenderbotConfig(**BART), pairs())


def m2m_100() -> Entry:
    return build(t.M2M100ForConditionalGeneration, t.M2M100Config(**BART), pairs())


def prophetnet() -> Entry:
    config = t.ProphetNetConfig(
        vocab_size=99,
        hidden_size=32,
        num_encoder_layers=2,
        num_decoder_layers=2,
        num_encoder_attention_heads=4,
        num_decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_position_embeddings=64,
        use_cache=False,
    )
    return build(t.ProphetNetModel, config, pairs())
