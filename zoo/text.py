"""Text encoders."""

import transformers as t

from small import SMALL, Entry, build, tokens


def bert() -> Entry:
    return build(t.BertModel, t.BertConfig(**SMALL), tokens())


def distilbert() -> Entry:
    config = t.DistilBertConfig(vocab_size=99, dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_position_embeddings=64)
    return build(t.DistilBertModel, config, tokens())


def roberta() -> Entry:
    return build(t.RobertaModel, t.RobertaConfig(**SMALL), tokens())


def xlm_roberta() -> Entry:
    return build(t.XLMRobertaForSequenceClassification, t.XLMRobertaConfig(**SMALL), tokens())


def albert() -> Entry:
    return build(t.AlbertModel, t.AlbertConfig(**SMALL, embedding_size=16), tokens())


def electra() -> Entry:
    return build(t.ElectraForTokenClassification, t.ElectraConfig(**SMALL, embedding_size=16), tokens())


def mpnet() -> Entry:
    return build(t.MPNetModel, t.MPNetConfig(**SMALL), tokens())


def deberta() -> Entry:
    config = t.DebertaConfig(**SMALL, relative_attention=True, pos_att_type=["c2p", "p2c"])
    return build(t.DebertaModel, config, tokens())


def deberta_v2() -> Entry:
    config = t.DebertaV2Config(
        **SMALL, relative_attention=True, position_buckets=16, pos_att_type=["c2p", "p2c"], share_att_key=True
    )
    return build(t.DebertaV2Model, config, tokens())


def mobilebert() -> Entry:
    config = t.MobileBertConfig(**SMALL, embedding_size=16, intra_bottleneck_size=32, true_hidden_size=32)
    return build(t.MobileBertModel, config, tokens())


def squeezebert() -> Entry:
    return build(t.SqueezeBertModel, t.SqueezeBertConfig(**SMALL, embedding_size=32), tokens())


def fnet() -> Entry:
    return build(t.FNetModel, t.FNetConfig(**SMALL), tokens(mask=False))


def roformer() -> Entry:
    return build(t.RoFormerModel, t.RoFormerConfig(**SMALL, embedding_size=32), tokens())


def convbert() -> Entry:
    return build(t.ConvBertModel, t.ConvBertConfig(**SMALL, embedding_size=32, conv_kernel_size=3), tokens())


def xlnet() -> Entry:
    config = t.XLNetConfig(vocab_size=99, d_model=32, n_layer=2, n_head=4, d_inner=64, use_mems_eval=False)
    return build(t.XLNetModel, config, tokens())


def modernbert() -> Entry:
    config = t.ModernBertConfig(**SMALL, global_attn_every_n_layers=2, local_attention=8)
    return build(t.ModernBertModel, config, tokens())


def esm() -> Entry:
    config = t.EsmConfig(**{**SMALL, "pad_token_id": 1}, position_embedding_type="rotary", mask_token_id=5)
    return build(t.EsmModel, config, tokens())


def nystromformer() -> Entry:
    config = t.NystromformerConfig(**SMALL, num_landmarks=16, segment_means_seq_len=16, conv_kernel_size=3)
    return build(t.NystromformerModel, config, tokens())


def canine() -> Entry:
    config = t.CanineConfig(**SMALL, num_hash_buckets=64, local_transformer_stride=16, downsampling_rate=4)
    return build(t.CanineModel, config, tokens())


def funnel() -> Entry:
    config = t.FunnelConfig(
        vocab_size=99, block_sizes=[1, 1], num_decoder_layers=1, d_model=32, n_head=4, d_head=8, d_inner=64
    )
    return build(t.FunnelModel, config, tokens())
