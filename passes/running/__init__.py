"""Running pipelines: the tool `infc-opt`, the process that the compiler runs passes in, and what both say."""
