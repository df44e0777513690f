"""State-space models and linear recurrences."""

import transformers as t

from small import GROUPED, Entry, build, tokens


def mamba() -> Entry:
    config = t.MambaConfig(vocab_size=99, hidden_size=32, num_hidden_layers=2, state_size=8, use_cache=False)
    return build(t.MambaForCausalLM, config, tokens(mask=False))


def falcon_mamba() -> Entry:
    config = t.FalconMambaConfig(vocab_size=99, hidden_size=32, num_hidden_layers=2, state_size=8, use_cache=False)
    return build(t.FalconMambaForCausalLM, config, tokens(mask=False))


def mamba2() -> Entry:
    config = t.Mamba2Config(
        vocab_size=99,
        hidden_size=32,
        num_hidden_layers=2,
        state_size=8,
        num_heads=8,
        head_dim=8,
        n_groups=1,
        chunk_size=8,
        use_cache=False,
    )
    return build(t.Mamba2ForCausalLM, config, tokens(mask=False))


def rwkv() -> Entry:
    config = t.RwkvConfig(
        vocab_size=99, hidden_size=32, attention_hidden_size=32, num_hidden_layers=2, context_length=64, use_cache=False
    )
    return build(t.RwkvForCausalLM, config, tokens(mask=False))


def recurrent_gemma() -> Entry:
    config = t.RecurrentGemmaConfig(
        **{key: value for key, value in GROUPED.items() if key != "max_position_embeddings"},
        lru_width=32,
        attention_window_size=16,
        block_types=["recurrent", "attention"],
    )
    return build(t.RecurrentGemmaForCausalLM, config, tokens())


def jamba() -> Entry:
    config = t.JambaConfig(
        **GROUPED,
        attn_layer_period=2,
        attn_layer_offset=1,
        expert_layer_period=2,
        num_experts=4,
        mamba_d_state=8,
        use_mamba_kernels=False,
    )
    return build(t.JambaForCausalLM, config, tokens())
