"""`RemoteModule`: an nn.Module in everything that needs no weights, and a clear error in everything else."""

import copy
import io
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from infc.errors import InvalidInput, RemoteError
from infc.remote.client import RemoteModule, load_pointer

from support.oip_server import Fake, linear, serving

X = torch.arange(16, dtype=torch.float32).reshape(2, 8) / 8


def expected(toy: Fake, x: torch.Tensor = X) -> torch.Tensor:
    return torch.from_numpy(toy.function({"x": x.numpy()})["output_0"])


@pytest.fixture
def module(toy: Fake, tmp_path: Path) -> RemoteModule:
    """The toy model as an application sees it."""
    return load_pointer(toy.pointer(tmp_path / "model.pt"))


def test_it_is_called_by_position_or_by_name(toy: Fake, module: RemoteModule) -> None:
    assert isinstance(module, torch.nn.Module)
    assert torch.equal(module(X), expected(toy))
    assert torch.equal(module(x=X), expected(toy))


def test_strides_views_and_negation_do_not_matter(toy: Fake, module: RemoteModule) -> None:
    negated = torch._neg_view(-X)  # pyright: ignore[reportPrivateImportUsage] (what `.conj().imag` gives)
    for x in (X.t().contiguous().t(), X.repeat_interleave(2, 1)[:, ::2], negated):
        assert torch.equal(module(x), expected(toy))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool])
def test_dtypes_cross_both_ways(dtype: torch.dtype, tmp_path: Path) -> None:
    name = {torch.float64: "f64", torch.float16: "f16", torch.bfloat16: "bf16", torch.int64: "i64", torch.uint8: "u8"}
    entry = (("x", name.get(dtype, "bool"), (3,)),)
    x = torch.tensor([0, 1, 5]).to(dtype)
    with serving(Fake(lambda arrays: {"x": arrays["x"]}, entry, entry)) as fake:
        answer = load_pointer(fake.pointer(tmp_path / "model.pt"))(x)
    assert answer.dtype is dtype
    assert torch.equal(answer, x)


def test_results_have_the_form_that_forward_gave_them(tmp_path: Path) -> None:
    with serving(linear(returns=2)) as fake:
        as_tuple = load_pointer(fake.pointer(tmp_path / "model.pt", returns="tuple"))(X)
        as_dict = load_pointer(fake.pointer(tmp_path / "model.pt", returns="mapping"))(X)
        as_mapping = load_pointer(fake.pointer(tmp_path / "model.pt", returns="record"))(X)
    assert isinstance(as_tuple, tuple)
    assert torch.equal(as_tuple[0], expected(fake))
    assert torch.equal(as_tuple[1], X + 1)
    assert type(as_dict) is dict and list(as_dict) == ["output_0", "output_1"]
    assert list(as_mapping) == ["output_0", "output_1"]
    assert torch.equal(as_mapping["output_1"], as_mapping.output_1)
    assert torch.equal(as_mapping[1], as_mapping.output_1)
    assert len(as_mapping.to_tuple()) == 2
    assert set(pickle.loads(pickle.dumps(as_mapping))) == set(as_mapping)
    with pytest.raises(AttributeError, match="no output 'logits'; there are output_0, output_1"):
        as_mapping.logits  # noqa: B018


ONE, TWO = torch.tensor(1.0), torch.tensor(2.0)


@pytest.fixture
def pair() -> Iterator[Fake]:
    """`y = 10 * a + b`."""
    inputs, outputs = (("a", "f32", ()), ("b", "f32", ())), (("y", "f32", ()),)
    with serving(Fake(lambda arrays: {"y": arrays["a"] * 10 + arrays["b"]}, inputs, outputs)) as fake:
        yield fake


@pytest.mark.parametrize(
    ("positional", "call"),
    [
        (0, lambda m: m(b=TWO, a=ONE)),
        (1, lambda m: m(ONE, b=TWO)),
        (2, lambda m: m(ONE, TWO)),
        (9, lambda m: m(ONE, TWO)),
    ],
)
def test_the_first_inputs_have_a_position(
    pair: Fake, tmp_path: Path, positional: int, call: Callable[[Any], Any]
) -> None:
    assert call(load_pointer(pair.pointer(tmp_path / "model.pt", positional=positional))) == 12


@pytest.mark.parametrize(
    ("positional", "call", "said", "hint"),
    [
        (0, lambda m: m(ONE, b=TWO), "takes 0 arguments by position, 1 were given", "(a=a, b=b)"),
        (1, lambda m: m(ONE, TWO), "takes 1 arguments by position, 2 were given", "(a=a, b=b)"),
        (9, lambda m: m(ONE, TWO, TWO), "takes 2 arguments by position, 3 were given", "(a=a, b=b)"),
    ],
)
def test_a_position_that_means_something_else_in_forward_is_refused(
    pair: Fake, tmp_path: Path, positional: int, call: Callable[[Any], Any], said: str, hint: str
) -> None:
    module = load_pointer(pair.pointer(tmp_path / "model.pt", positional=positional))
    with pytest.raises(InvalidInput) as refused:
        call(module)
    assert said in refused.value.message
    assert hint in refused.value.hint


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda m: m(), "argument 'x' of model 'toy' is missing"),
        (lambda m: m(X, X), "takes 1 arguments by position, 2 were given"),
        (lambda m: m(X, x=X), "argument 'x' of model 'toy' was given by position and by name"),
        (lambda m: m(X, mask=None), "model 'toy' takes no argument 'mask' by name"),
        (lambda m: m(X.double()), "is f64[2, 8], expected f32[2, 8]"),
        (lambda m: m(X.to(torch.complex64)), "is torch.complex64[2, 8], expected f32[2, 8]"),
        (lambda m: m(X[:1]), "is f32[1, 8], expected f32[2, 8]"),
        (lambda m: m(X.numpy()), "is a ndarray, expected a tensor"),
        (lambda m: m(None), "is a NoneType, expected a tensor"),
        (lambda m: m(X.to_sparse()), "is a torch.sparse_coo tensor"),
        (lambda m: m(X.to("meta")), "is a meta tensor"),
    ],
)
def test_a_wrong_call_is_named_before_anything_is_sent(
    toy: Fake, module: RemoteModule, call: Callable[[Any], Any], said: str
) -> None:
    before = len(toy.calls)
    with pytest.raises(InvalidInput) as refused:
        call(module)
    assert said in refused.value.message
    assert len(toy.calls) == before


def test_a_gradient_is_refused_rather_than_lost(toy: Fake, module: RemoteModule) -> None:
    x = X.clone().requires_grad_()
    with pytest.raises(InvalidInput, match="input 'x' of model 'toy' requires a gradient") as refused:
        module(x)
    assert "torch.no_grad()" in refused.value.hint
    with torch.no_grad():
        assert torch.equal(module(x), expected(toy))
    assert torch.equal(module(x.detach()), expected(toy))


def test_what_needs_no_weights_is_harmless(toy: Fake, module: RemoteModule) -> None:
    assert module.training is False
    same = module.eval().train(False).to("cpu").to(torch.float32).to(X).cpu().float().requires_grad_(False)
    assert same is module
    parent = torch.nn.Sequential(module, torch.nn.ReLU()).eval().to(torch.device("cpu"))
    assert torch.equal(parent(X), expected(toy))


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda m: m.train(), "cannot be trained"),
        (lambda m: m.requires_grad_(), "cannot be trained"),
        (lambda m: m.half(), "cannot become torch.float16: it was compiled to return output_0: f32[2, 4]"),
        (lambda m: m.bfloat16(), "cannot become torch.bfloat16"),
        (lambda m: m.double(), "cannot become torch.float64"),
        (lambda m: m.to("cpu", torch.float16), "cannot become torch.float16"),
        (lambda m: m.to(X.half()), "cannot become torch.float16"),
        (lambda m: m.type(torch.float16), "cannot become torch.float16"),
        (lambda m: m.state_dict(), "weights of 'toy' are in the pool"),
        (lambda m: m.load_state_dict({}), "weights of 'toy' are in the pool"),
        (lambda m: next(m.parameters()), "weights of 'toy' are in the pool"),
        (lambda m: dict(m.named_parameters()), "weights of 'toy' are in the pool"),
        (lambda m: list(m.buffers()), "weights of 'toy' are in the pool"),
        (lambda m: m.get_parameter("weight"), "weights of 'toy' are in the pool"),
        (lambda m: torch.nn.Sequential(m).state_dict(), "weights of 'toy' are in the pool"),
    ],
)
def test_what_needs_weights_says_where_they_are(module: RemoteModule, ask: Callable[[Any], Any], said: str) -> None:
    with pytest.raises(RemoteError) as refused:
        ask(module)
    assert said in refused.value.message
    assert refused.value.hint


def test_hooks_work(toy: Fake, module: RemoteModule) -> None:
    seen: list[torch.Size] = []
    module.register_forward_hook(lambda _module, _args, output: seen.append(output.shape))
    module(X)
    assert seen == [torch.Size([2, 4])]


def test_repr_says_what_it_is_and_where(toy: Fake, module: RemoteModule) -> None:
    assert repr(module) == f"RemoteModule('toy' at {toy.address}: (x: f32[2, 8]) -> (output_0: f32[2, 4]))"


def test_copies_share_and_pickles_reconnect(toy: Fake, module: RemoteModule) -> None:
    before = len(toy.calls)
    assert copy.copy(module).remote is copy.deepcopy(module).remote is module.remote
    assert len(toy.calls) == before
    saved = io.BytesIO()
    torch.save(module, saved)
    saved.seek(0)
    for again in (pickle.loads(pickle.dumps(module)), torch.load(saved, weights_only=False)):
        assert isinstance(again, RemoteModule)
        assert torch.equal(again(X), expected(toy))


def test_a_tensor_on_the_host_is_not_copied_on_the_way_in() -> None:
    from infc.remote.client.tensors import Tensor
    from infc.remote.client.torch_tensors import to_array
    from infc.remote.oip import by_name

    info = by_name("f32")
    assert info is not None
    array = to_array(Tensor("x", info, (2, 8)), X, model="toy")
    assert np.shares_memory(array, X.numpy())
