"""Text of any kind to Python names."""

import builtins
import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infc.codegen.names import class_name, identifier, unique


@pytest.mark.parametrize(
    ("text", "name", "of_class"),
    [
        ("minilm", "minilm", "Minilm"),
        ("all-MiniLM-L6.v2", "all_MiniLM_L6_v2", "AllMiniLML6V2"),
        ("4x upscaler", "thing_4x_upscaler", "Model4xUpscaler"),
        ("class", "class_", "Class"),
        ("none", "none", "NoneModel"),
        ("self", "self_", "SelfModel"),
        ("exception", "exception", "ExceptionModel"),
        ("模型", "thing", "Model"),
        ("", "thing", "Model"),
        ("__init__", "init", "Init"),
    ],
)
def test_names(text: str, name: str, of_class: str) -> None:
    assert identifier(text, fallback="thing") == name
    assert class_name(text) == of_class


@given(st.text())
def test_whatever_comes_out_is_a_name(text: str) -> None:
    for name in (identifier(text, fallback="thing"), class_name(text)):
        assert name.isidentifier()
        assert name.isascii()
        assert not keyword.iskeyword(name)
    assert not hasattr(builtins, class_name(text))


@given(st.lists(st.text(max_size=3), unique=True))
def test_different_texts_get_different_names(texts: list[str]) -> None:
    names = unique(texts, fallback="thing")
    assert len(set(names)) == len(texts)
    assert all(name.isidentifier() and not keyword.iskeyword(name) for name in names)
