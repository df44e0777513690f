"""Mixtures of experts."""

import transformers as t

from small import GROUPED, Entry, build, pairs, tokens


def mixtral() -> Entry:
    config = t.MixtralConfig(**GROUPED, num_local_experts=4, num_experts_per_tok=2)
    return build(t.MixtralForCausalLM, config, tokens())


def qwen2_moe() -> Entry:
    config = t.Qwen2MoeConfig(
        **GROUPED,
        num_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=16,
        shared_expert_intermediate_size=32,
    )
    return build(t.Qwen2MoeForCausalLM, config, tokens())


def qwen3_moe() -> Entry:
    config = t.Qwen3MoeConfig(**GROUPED, head_dim=8, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=16)
    return build(t.Qwen3MoeForCausalLM, config, tokens())


def olmoe() -> Entry:
    return build(t.OlmoeForCausalLM, t.OlmoeConfig(**GROUPED, num_experts=4, num_experts_per_tok=2), tokens())


def granitemoe() -> Entry:
    config = t.GraniteMoeConfig(**GROUPED, num_local_experts=4, num_experts_per_tok=2)
    return build(t.GraniteMoeForCausalLM, config, tokens())


def phimoe() -> Entry:
    config = t.PhimoeConfig(**GROUPED, num_local_experts=4, num_experts_per_tok=2)
    return build(t.PhimoeForCausalLM, config, tokens())


def gpt_oss() -> Entry:
    config = t.GptOssConfig(**GROUPED, head_dim=8, num_local_experts=4, num_experts_per_tok=2, sliding_window=8)
    return build(t.GptOssForCausalLM, config, tokens())


def deepseek_v3() -> Entry:
    config = t.DeepseekV3Config(
        **{**GROUPED, "num_key_value_heads": 4},
        first_k_dense_replace=1,
        n_routed_experts=4,
        n_shared_experts=1,
        num_experts_per_tok=2,
        n_group=2,
        topk_group=1,
        moe_intermediate_size=16,
        q_lora_rank=16,
        kv_lora_rank=16,
        qk_nope_head_dim=8,
        qk_rope_head_dim=8,
        v_head_dim=8,
    )
    return build(t.DeepseekV3ForCausalLM, config, tokens())


def switch_transformers() -> Entry:
    config = t.SwitchTransformersConfig(
        vocab_size=99,
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_decoder_layers=2,
        num_heads=4,
        num_experts=4,
        num_sparse_encoder_layers=1,
        num_sparse_decoder_layers=1,
        use_cache=False,
    )
    return build(t.SwitchTransformersModel, config, pairs())
