"""What a model's author says about it, as its clients will read it."""

import torch

from infc.compiler.doors.methods import sources_of
from infc.compiler.frontend.source import LONGEST_DOC, Source

X = (torch.ones(1),)


class Quiet(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Spoken(Quiet):
    """A model.

    With a second paragraph.
    """

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Makes a vector
        of a text.

        Args: none.
        """
        return x


class Told(Spoken):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Does it."""
        return x


class Endless(Quiet):
    __doc__ = "word " * 1000


def test_the_first_paragraph_of_forwards_or_of_the_classs() -> None:
    docs = [Source("m", each, X).doc for each in (Quiet(), Spoken(), Told(), torch.nn.Linear(1, 1), torch.relu)]
    assert docs == ["", "A model.", "Does it.", "", ""]
    assert len(Source("m", Endless(), X).doc) == LONGEST_DOC


def test_a_method_has_its_own() -> None:
    encode, forward = sources_of("m.py:f", "m", Told(), {"encode": X, "forward": X}, ["encode", "forward"])
    assert (encode.doc, forward.doc) == ("Makes a vector of a text.", "Does it.")
