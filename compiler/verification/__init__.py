"""The compiled model against PyTorch: inputs, answers, comparison."""
