"""Where things lie in a tar that infc wrote: each blob's data on a page, each place known from the sizes alone.

A tar header takes one block, and the data follows it. To bring the data to a page, a blob's header is preceded by an
extended header (pax) whose comment is as long as it takes; every tar program skips it.
"""

import tarfile

from .format import PAGE_SIZE

BLOCK = tarfile.BLOCKSIZE
INDEX_SIZE = 1024  # bytes kept for the index at the head of the tar; JSON may end in spaces


def data_offset(position: int) -> int:
    """Where the data of a blob begins whose headers begin at `position`: the next page that leaves room for them.

    One header takes one block; an extended one in front takes two at least. So two blocks are the room that nothing
    fills.
    """
    offset = -(-(position + BLOCK) // PAGE_SIZE) * PAGE_SIZE
    return offset + PAGE_SIZE if offset - position == 2 * BLOCK else offset


def padding(position: int) -> str:
    """The comment that makes the headers at `position` reach to `data_offset(position)`; empty where none is needed."""
    records = data_offset(position) - position - 2 * BLOCK
    if records < 0:
        return ""
    # A pax record is its own length in decimal, a space, "comment=", the value and a line feed.
    return "." * (records - len(f"{records} comment=\n"))


def stored(size: int) -> int:
    """Bytes that data of this size takes in a tar: whole blocks."""
    return -(-size // BLOCK) * BLOCK
