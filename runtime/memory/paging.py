"""What a pager is told, and what it answers: msgpack structs, one in each packet, some with a descriptor."""

import msgspec

# Slots in one packet: the kernel bounds packets, and a place has a path.
BATCH = 256


class Message(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Base of all messages."""


class Places(Message, frozen=True):
    """Where chunks are on the disk: slot, and what a `Place` has."""

    places: tuple[tuple[int, str, int, int, str], ...]


class Present(Message, frozen=True):
    """These slots are filled already: another pager did."""

    slots: tuple[int, ...]


class Join(Message, frozen=True):
    """A process maps these slots from `address` on; the descriptor of its faults comes along. Answered."""

    request: int
    member: int
    address: int
    slots: tuple[int, ...]


class Leave(Message, frozen=True):
    """It does not any more."""

    member: int


class Tidy(Message, frozen=True):
    """Give back what is in other slots: another pager left it, and everybody who maps them has joined again."""


class Fill(Message, frozen=True):
    """Bring these slots in. Answered."""

    request: int
    slots: tuple[int, ...]


class Evict(Message, frozen=True):
    """Let these slots go. Answered."""

    request: int
    slots: tuple[int, ...]


class Done(Message, frozen=True):
    """A request was done; of some slots, why not."""

    request: int
    failed: dict[int, str] = {}


Order = Places | Present | Join | Leave | Tidy | Fill | Evict
LARGEST = 1 << 20  # bytes of a packet
