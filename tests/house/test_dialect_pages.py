"""The reference pages of the dialects are those that the definitions give."""

from pathlib import Path

import pytest

from infc.dialects import DIALECTS, reference

FOLDER = Path(__file__).parents[2] / "docs" / "reference" / "dialects"


@pytest.mark.parametrize("name", sorted(reference.pages()))
def test_the_page_is_current(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == reference.pages()[name], "run `make docs`"


def test_there_is_a_page_for_each_dialect_and_no_other() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(reference.pages())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_operation_has_an_example_and_says_what_is_verified(dialect: type) -> None:
    for op in dialect.operations:
        assert "```mlir" in op.__doc__, op.OPERATION_NAME
        verifiers = [vars(op).get(name) for name in ("verify_invariants", "verify_region_invariants")]
        assert any(each is not None for each in verifiers), op.OPERATION_NAME
