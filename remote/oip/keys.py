"""What infc adds to the protocol: keys of gRPC metadata, and methods in model names.

Servers and clients that are not infc know none of them.
"""

HINT = "infc-hint"  # trailing, with an error: the next step, percent-encoded
MODEL_DIGEST = "infc-model-digest"  # of the artifact's manifest
INTERFACE_DIGEST = "infc-interface-digest"
MODEL = "infc-model"  # with a call of a typed service: the pool's name of the model that is meant
METHOD_MARK = ":"  # `minilm:encode` is the method `encode` of the model `minilm`
