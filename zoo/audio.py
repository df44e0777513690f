"""Audio."""

import torch
import transformers as t

from small import BART, SMALL, Entry, build, waveform

WAVE = {
    **SMALL,
    "vocab_size": 32,
    "conv_dim": [16, 16, 16],
    "conv_kernel": [10, 3, 3],
    "conv_stride": [5, 2, 2],
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "apply_spec_augment": False,
}


def features(channels: int, length: int, *, name: str = "input_features") -> dict[str, torch.Tensor]:
    torch.manual_seed(6)
    return {name: torch.randn(2, channels, length)}


def wav2vec2() -> Entry:
    return build(t.Wav2Vec2ForCTC, t.Wav2Vec2Config(**WAVE), waveform())


def hubert() -> Entry:
    return build(t.HubertModel, t.HubertConfig(**WAVE), waveform())


def wavlm() -> Entry:
    return build(t.WavLMModel, t.WavLMConfig(**WAVE), waveform())


def unispeech() -> Entry:
    return build(t.UniSpeechModel, t.UniSpeechConfig(**WAVE), waveform())


def sew() -> Entry:
    return build(t.SEWModel, t.SEWConfig(**WAVE, squeeze_factor=2), waveform())


def whisper() -> Entry:
    config = t.WhisperConfig(
        **{key: value for key, value in BART.items() if key != "max_position_embeddings"},
        num_mel_bins=16,
        max_source_positions=32,
        max_target_positions=32,
    )
    inputs = {**features(16, 64), "decoder_input_ids": torch.arange(16).reshape(2, 8) + 3}
    return build(t.WhisperForConditionalGeneration, config, inputs)


def ast() -> Entry:
    config = t.ASTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        num_mel_bins=32,
        max_length=48,
        patch_size=16,
    )
    return build(t.ASTModel, config, features(48, 32, name="input_values"))


def encodec() -> Entry:
    config = t.EncodecConfig(
        num_filters=4, hidden_size=16, codebook_size=32, codebook_dim=16, upsampling_ratios=[4, 2], num_lstm_layers=1
    )

    class Encoder(t.EncodecModel):
        """The convolutions and the LSTM, to the frames that are quantized."""

        def forward(self, input_values: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
            """`input_values` f32[BATCH, 1, samples]."""
            return self.encoder(input_values)

    return build(Encoder, config, features(1, 160, name="input_values"))


def hifigan() -> Entry:
    config = t.SpeechT5HifiGanConfig(
        model_in_dim=16,
        upsample_initial_channel=32,
        upsample_rates=[4, 4],
        upsample_kernel_sizes=[8, 8],
        resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1, 3]],
    )
    return build(t.SpeechT5HifiGan, config, features(12, 16, name="spectrogram"))
