"""From a PyTorch model, or a graph of ONNX, to the torch dialect: export, decompositions, interface, import."""
