"""What is emitted for an artifact: a client package, the protocol's .proto, a pointer file. Reads artifacts only."""

DEFAULT_POOL = "127.0.0.1:8500"  # where `infc serve` listens when it is not told
