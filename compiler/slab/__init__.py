"""The weights on their way from PyTorch into slabs: digests, encodings, the bytes."""
