"""The Open Inference Protocol v2: message classes, method paths and the table of dtypes; pool and client build on it.

The classes are made from a serialized `FileDescriptorSet` in a descriptor pool of their own. So they work on every
protobuf runtime from 5.29 on, and beside another library's `inference.*` messages (tritonclient's, KServe's), which
occupy those names in protobuf's default pool.
"""

from . import keys
from .dtypes import DTYPES, DTypeInfo, by_name, by_numpy, by_oip
from .messages import SERVICE, Messages, Rpc, descriptor_pool, messages, rpcs

__all__ = [
    "DTYPES",
    "SERVICE",
    "DTypeInfo",
    "Messages",
    "Rpc",
    "by_name",
    "by_numpy",
    "by_oip",
    "descriptor_pool",
    "keys",
    "messages",
    "rpcs",
]
