"""What is emitted for an artifact: a client package, the protocol's .proto, a pointer file. Reads artifacts only."""
