"""`infc.load` and `infc.patch`: a pointer connects, everything else is torch's."""

import inspect
import io
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch

import infc
from infc.errors import ArtifactError
from infc.remote.client import RemoteModule, patching

from support.oip_server import Fake

X = torch.ones(2, 8)
TORCHS_OWN = torch.load


class Malicious:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


@pytest.fixture(autouse=True)
def nothing_stays_patched() -> Iterator[None]:
    """A test that forgets to undo must not change the next one."""
    assert torch.load is TORCHS_OWN
    yield
    assert torch.load is TORCHS_OWN
    assert torch.serialization.load is TORCHS_OWN


@pytest.fixture(params=["infc.load", "patched torch.load"])
def load(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Both ways to load."""
    if request.param == "infc.load":
        yield infc.load
        return
    with infc.patch():
        yield torch.load


def test_a_pointer_connects_whatever_the_arguments(toy: Fake, tmp_path: Path, load: Any) -> None:
    path = toy.pointer(tmp_path / "model.pt")
    with path.open("rb") as file:
        for module in (
            load(path),
            load(str(path), map_location="cpu", weights_only=True),
            load(f=path, weights_only=False, mmap=True),
            load(path, "cpu", pickle, encoding="latin1"),
            load(file),
            load(io.BytesIO(path.read_bytes())),
        ):
            assert isinstance(module, RemoteModule)
            assert module(X).shape == (2, 4)


def test_a_checkpoint_is_torchs(tmp_path: Path, load: Any) -> None:
    state = {"weight": torch.randn(3, 4)}
    path = tmp_path / "model.pt"
    torch.save(state, path)
    with path.open("rb") as file:
        for loaded in (
            load(path),
            load(str(path), map_location="cpu", mmap=True),
            load(f=path, weights_only=True),
            load(file),
            load(io.BytesIO(path.read_bytes()), "cpu"),
        ):
            assert torch.equal(loaded["weight"], state["weight"])


def test_a_file_object_reaches_torch_at_its_position(tmp_path: Path, load: Any) -> None:
    file = io.BytesIO()
    torch.save({"a": torch.ones(1)}, file, _use_new_zipfile_serialization=False)
    first = file.tell()
    torch.save({"b": torch.ones(2)}, file, _use_new_zipfile_serialization=False)
    file.seek(0)
    assert set(load(file)) == {"a"}
    assert file.tell() == first
    assert set(load(file)) == {"b"}


def test_a_whole_module_still_needs_weights_only_false(tmp_path: Path, load: Any) -> None:
    path = tmp_path / "model.pt"
    torch.save(torch.nn.Linear(2, 2), path)
    with pytest.raises(pickle.UnpicklingError):
        load(path)
    assert isinstance(load(path, weights_only=False), torch.nn.Linear)


@pytest.mark.parametrize("arguments", [{}, {"weights_only": True}])
def test_a_malicious_pickle_does_not_run(tmp_path: Path, load: Any, arguments: dict[str, Any]) -> None:
    target, path = tmp_path / "ran", tmp_path / "model.pt"
    torch.save(Malicious(target), path)
    with pytest.raises(pickle.UnpicklingError):
        load(path, **arguments)
    assert not target.exists()
    load(path, weights_only=False)
    assert target.exists()  # it would have


@pytest.mark.parametrize("source", ["absent.pt", ".", 7, None])
def test_torchs_errors_stay_torchs(tmp_path: Path, load: Any, source: Any) -> None:
    source = tmp_path / source if isinstance(source, str) else source
    with pytest.raises(Exception) as torchs:
        TORCHS_OWN(source)
    with pytest.raises(torchs.type) as ours:
        load(source)
    assert str(ours.value) == str(torchs.value)


def test_a_broken_pointer_is_an_error_and_not_a_pickle(tmp_path: Path, load: Any) -> None:
    path = tmp_path / "model.pt"
    path.write_text('infc pointer v2\nmodel = "x"\n')
    with pytest.raises(ArtifactError, match="field 'digest' is missing"):
        load(path)


def test_the_signature_is_torchs() -> None:
    ours, theirs = inspect.signature(infc.load), inspect.signature(TORCHS_OWN)
    assert list(ours.parameters) == list(theirs.parameters)
    for name, parameter in theirs.parameters.items():
        assert (ours.parameters[name].kind, ours.parameters[name].default) == (parameter.kind, parameter.default)


def test_a_patched_load_looks_like_torchs() -> None:
    with infc.patch():
        assert torch.load is torch.serialization.load
        assert torch.load is not TORCHS_OWN
        assert (torch.load.__doc__, inspect.signature(torch.load)) == (
            TORCHS_OWN.__doc__,
            inspect.signature(TORCHS_OWN),
        )


def test_patches_nest_and_undo_in_any_order() -> None:
    first, second = infc.patch(), infc.patch()
    replaced = torch.load
    first.undo()
    first.undo()
    assert torch.load is replaced
    with infc.patch():
        assert torch.load is replaced
    assert torch.load is replaced
    second.undo()
    assert torch.load is TORCHS_OWN


def test_a_wrapper_that_somebody_put_around_ours_keeps_working(toy: Fake, tmp_path: Path) -> None:
    pointer, checkpoint = toy.pointer(tmp_path / "model.pt"), tmp_path / "real.pt"
    torch.save({"a": torch.ones(1)}, checkpoint)
    patch = infc.patch()
    ours = torch.load
    torch.load = wrapper = lambda *args, **kwargs: ours(*args, **kwargs)
    try:
        assert isinstance(torch.load(pointer), RemoteModule)
        patch.undo()
        assert torch.load is wrapper
        assert set(torch.load(checkpoint)) == {"a"}
        with pytest.raises(pickle.UnpicklingError):  # no pointer any more: torch's own opinion of the text
            torch.load(pointer)
        with infc.patch():
            assert isinstance(torch.load(pointer), RemoteModule)
        assert torch.load is wrapper
    finally:
        torch.load = torch.serialization.load = TORCHS_OWN


def test_no_other_thread_sees_half_a_patch(monkeypatch: pytest.MonkeyPatch) -> None:
    install, free = patching._install, list[bool]()

    def look() -> None:
        free.append(patching._lock.acquire(blocking=False))
        if free[-1]:
            patching._lock.release()

    def watched(module: Any) -> None:
        thread = Thread(target=look)
        thread.start()
        thread.join()
        install(module)

    monkeypatch.setattr(patching, "_install", watched)
    with infc.patch():
        assert free == [False]


def test_threads_may_patch_at_once() -> None:
    def some() -> None:
        for _ in range(200):
            with infc.patch():
                assert torch.load is not TORCHS_OWN

    threads = [Thread(target=some) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert patching.real_load() is TORCHS_OWN
