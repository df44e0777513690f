"""The native tools behind a compile, torch-mlir and IREE: processes of their own, limits, what they leave behind."""
