"""Decoders, over a whole sequence, without a cache."""

import transformers as t

from small import GROUPED, SMALL, Entry, build, tokens

GPT = {"vocab_size": 99, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "use_cache": False}


def gpt2() -> Entry:
    return build(t.GPT2LMHeadModel, t.GPT2Config(**GPT, bos_token_id=1, eos_token_id=2), tokens())


def gpt_neo() -> Entry:
    config = t.GPTNeoConfig(
        vocab_size=99,
        hidden_size=32,
        num_layers=2,
        num_heads=4,
        attention_types=[[["global", "local"], 1]],
        window_size=8,
        max_position_embeddings=64,
        use_cache=False,
    )
    return build(t.GPTNeoForCausalLM, config, tokens())


def gpt_neox() -> Entry:
    return build(t.GPTNeoXForCausalLM, t.GPTNeoXConfig(**SMALL, use_cache=False), tokens())


def gptj() -> Entry:
    return build(t.GPTJForCausalLM, t.GPTJConfig(**GPT, rotary_dim=4), tokens())


def codegen() -> Entry:
    return build(t.CodeGenForCausalLM, t.CodeGenConfig(**GPT, rotary_dim=4), tokens())


def opt() -> Entry:
    config = t.OPTConfig(
        vocab_size=99,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        ffn_dim=64,
        word_embed_proj_dim=32,
        max_position_embeddings=64,
        use_cache=False,
    )
    return build(t.OPTForCausalLM, config, tokens())


def bloom() -> Entry:
    config = t.BloomConfig(vocab_size=99, hidden_size=32, n_layer=2, n_head=4, use_cache=False)
    return build(t.BloomForCausalLM, config, tokens())


def llama() -> Entry:
    return build(t.LlamaForCausalLM, t.LlamaConfig(**GROUPED), tokens())


def mistral() -> Entry:
    return build(t.MistralForCausalLM, t.MistralConfig(**GROUPED, sliding_window=8), tokens())


def qwen2() -> Entry:
    return build(t.Qwen2ForCausalLM, t.Qwen2Config(**GROUPED), tokens())


def qwen3() -> Entry:
    return build(t.Qwen3ForCausalLM, t.Qwen3Config(**GROUPED, head_dim=8), tokens())


def gemma() -> Entry:
    return build(t.GemmaForCausalLM, t.GemmaConfig(**GROUPED, head_dim=8), tokens())


def gemma2() -> Entry:
    return build(t.Gemma2ForCausalLM, t.Gemma2Config(**GROUPED, head_dim=8, sliding_window=8), tokens())


def gemma3() -> Entry:
    return build(t.Gemma3ForCausalLM, t.Gemma3TextConfig(**GROUPED, head_dim=8, sliding_window=8), tokens())


def phi() -> Entry:
    return build(t.PhiForCausalLM, t.PhiConfig(**GROUPED), tokens())


def phi3() -> Entry:
    return build(t.Phi3ForCausalLM, t.Phi3Config(**GROUPED), tokens())


def falcon() -> Entry:
    config = t.FalconConfig(vocab_size=99, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, use_cache=False)
    return build(t.FalconForCausalLM, config, tokens())


def mpt() -> Entry:
    config = t.MptConfig(vocab_size=99, d_model=32, n_layers=2, n_heads=4, max_seq_len=64, use_cache=False)
    return build(t.MptForCausalLM, config, tokens())


def stablelm() -> Entry:
    return build(t.StableLmForCausalLM, t.StableLmConfig(**GROUPED), tokens())


def starcoder2() -> Entry:
    return build(t.Starcoder2ForCausalLM, t.Starcoder2Config(**GROUPED), tokens())


def olmo2() -> Entry:
    return build(t.Olmo2ForCausalLM, t.Olmo2Config(**GROUPED), tokens())


def cohere() -> Entry:
    return build(t.CohereForCausalLM, t.CohereConfig(**GROUPED), tokens())


def granite() -> Entry:
    return build(t.GraniteForCausalLM, t.GraniteConfig(**GROUPED), tokens())


def glm() -> Entry:
    return build(t.GlmForCausalLM, t.GlmConfig(**GROUPED, head_dim=8), tokens())


def xglm() -> Entry:
    config = t.XGLMConfig(
        vocab_size=99, d_model=32, num_layers=2, attention_heads=4, ffn_dim=64, max_position_embeddings=64
    )
    config.use_cache = False
    return build(t.XGLMForCausalLM, config, tokens())
