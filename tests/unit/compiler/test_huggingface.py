"""Hugging Face folders: the head, the example inputs, and folders that are damaged or hostile."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from infc.compiler.doors import Request, parse_inputs, read_source
from infc.compiler.frontend.source import Source
from infc.errors import SourceError, UsageError

SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "vocab_size": 60,
    "max_position_embeddings": 32,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A BERT that classifies sentences."""
    torch.manual_seed(0)
    model = transformers.BertForSequenceClassification(transformers.BertConfig(**SMALL))
    model.save_pretrained(tmp_path / "bert")
    return tmp_path / "bert"


def read(folder: Path, task: str = "", *inputs: str) -> Source:
    return read_source(str(folder), Request(task=task, inputs=parse_inputs(inputs)))


def edit(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def test_the_head_is_the_one_that_the_model_was_saved_with(folder: Path) -> None:
    source = read(folder)
    assert type(source.module).__name__ == "BertForSequenceClassification"
    assert {name: tuple(value.shape) for name, value in source.kwargs.items()} == {
        "input_ids": (1, 16),
        "attention_mask": (1, 16),
    }
    assert source.name == "bert"


def test_the_weights_are_those_of_the_folder(folder: Path) -> None:
    source = read(folder)
    same = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    assert torch.equal(source.module(**source.kwargs).logits, same(**source.kwargs).logits)


def test_a_task_names_another_head(folder: Path) -> None:
    assert type(read(folder, "feature-extraction").module).__name__ == "BertModel"


def test_a_headless_encoder_is_read_from_a_checkpoint_without_a_pooler(tmp_path: Path) -> None:
    transformers.BertForMaskedLM(transformers.BertConfig(**SMALL)).save_pretrained(tmp_path)
    module: Any = read(tmp_path, "feature-extraction").module
    assert module.pooler is None


def test_a_head_that_the_checkpoint_lacks_is_refused_rather_than_made_up(folder: Path) -> None:
    with pytest.raises(SourceError, match=r"lacks \d+ weights of BertForMaskedLM, among them cls") as caught:
        read(folder, "fill-mask")
    assert "--task text-classification" in caught.value.hint


@pytest.mark.parametrize("task", ["image-classification", "no-such-task"])
def test_a_wrong_task_lists_the_right_ones(folder: Path, task: str) -> None:
    with pytest.raises((SourceError, UsageError), match=task) as caught:
        read(folder, task)
    assert "fill-mask" in caught.value.hint and "image-classification" not in caught.value.hint


def test_inputs_are_set_and_added_by_name(folder: Path) -> None:
    kwargs = read(folder, "", "input_ids=2x5xi64", "token_type_ids=2x5xi64").kwargs
    assert {name: tuple(value.shape) for name, value in kwargs.items()} == dict.fromkeys(
        ("input_ids", "token_type_ids", "attention_mask"), (2, 5)
    )


@pytest.mark.parametrize("text", ["input_ids", "=1xi64", "x=1x", "x=0xi64", "x=axi64", "x=1xi65", "x=9999999999xf32"])
def test_an_input_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--input"):
        parse_inputs([text])


def test_an_input_that_forward_has_not_is_refused(folder: Path) -> None:
    with pytest.raises(SourceError, match="takes no input 'pixels'") as caught:
        read(folder, "", "pixels=1xf32")
    assert "input_ids" in caught.value.hint


def test_nothing_comes_from_the_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    read(folder)


def truncate(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def pickle_only(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def sharded(name: Any) -> Any:
    def change(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        index = {"weight_map": {"bert.pooler.dense.weight": name}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), "no config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "cannot be read as JSON"),
        (lambda folder: (folder / "config.json").write_text("[]"), "expected a JSON object"),
        (lambda folder: (folder / "config.json").write_text("{}"), "no model_type"),
        (lambda folder: edit(folder, model_type="strange"), "does not know the architecture 'strange'"),
        (lambda folder: edit(folder, model_type=["bert"]), "has no model_type"),
        (lambda folder: edit(folder, architectures=["BertForMagic"]), "'BertForMagic', which no task leads to"),
        (lambda folder: edit(folder, architectures=None), "does not say what class"),
        (lambda folder: edit(folder, hidden_size=48), "does not load"),
        (lambda folder: edit(folder, hidden_size="many"), "is no configuration|does not load"),
        (lambda folder: edit(folder, quantization_config={"quant_method": "gptq", "bits": 4}), "does not load"),
        (lambda folder: (folder / "model.safetensors").unlink(), "has no model.safetensors"),
        (pickle_only, "pytorch_model.bin, a pickle"),
        (truncate, "is no safetensors file"),
        (sharded("model-00001-of-00002.safetensors"), "lacks the shard model-00001-of-00002"),
        (sharded("../bert/model.safetensors"), "expected a file of the folder"),
        (sharded(7), "expected a file of the folder"),
    ],
)
def test_a_damaged_folder_is_a_source_error(folder: Path, change: Any, message: str) -> None:
    change(folder)
    with pytest.raises(SourceError, match=message):
        read(folder)


def test_code_in_a_folder_does_not_run(folder: Path, tmp_path: Path) -> None:
    (folder / "modeling.py").write_text(f"open({str(tmp_path / 'attacked')!r}, 'w')\n")
    edit(folder, model_type="own", auto_map={"AutoConfig": "modeling.Config", "AutoModel": "modeling.Model"})
    with pytest.raises(SourceError, match="without code of its own"):
        read(folder)
    edit(folder, model_type="bert", architectures=["Model"])
    with pytest.raises(SourceError, match="'Model'"):
        read(folder)
    assert not (tmp_path / "attacked").exists()
