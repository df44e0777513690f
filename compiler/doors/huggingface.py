"""The door for a Hugging Face folder: config.json and safetensors, through transformers' own classes.

Nothing comes from the network and no code from the folder: `trust_remote_code` is never given, pickles are never read.
"""

import inspect
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infc.errors import SourceError

from ..frontend.source import Source
from .folder import check_folder, read_json
from .reasons import one_line
from .request import Request

_OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


def read_huggingface(folder: Path, request: Request) -> Source:
    """The model in `folder`, with the head of the request's task and example inputs made from its configuration.

    Raises:
        SourceError: a file is missing or damaged; transformers does not know the architecture, or only with code of
            the folder; the task is none of the architecture's; the checkpoint lacks weights of the head.
    """
    check_folder(folder)
    with _quietly_offline():
        from .examples import example_inputs

        config = _config(folder)
        module = _load(folder, config, request.task)
        inputs = example_inputs(module, request.inputs)
    return Source(folder.resolve().name, module.eval(), (), inputs)


def _config(folder: Path) -> Any:
    import transformers

    raw = read_json(folder / "config.json")
    if not isinstance(raw.get("model_type"), str):
        raise SourceError(
            f"{folder / 'config.json'} has no model_type", hint="transformers' save_pretrained writes one"
        )
    if raw["model_type"] not in transformers.CONFIG_MAPPING:
        code = " without code of its own" if "auto_map" in raw else ""
        raise SourceError(
            f"transformers {transformers.__version__} does not know the architecture {raw['model_type']!r}{code}",
            hint="infc runs no code from a model folder: build the model in a factory, file.py:make",
        )
    try:
        return transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    # What a strange configuration makes transformers raise is not documented: anything from KeyError to OSError.
    except Exception as error:
        raise SourceError(
            f"{folder / 'config.json'} is no configuration: {one_line(error)}",
            hint="transformers' AutoConfig has to read it",
        ) from error


def _load(folder: Path, config: Any, task: str) -> Any:
    from .tasks import model_class, tasks_of

    kind = model_class(config, task)
    config.return_dict = True
    for each in (config, config.get_text_config(decoder=True)):
        each.use_cache = False  # a forward is a pure function of its inputs
    module, missing = _pretrained(folder, kind, config)
    if missing and all(key.startswith("pooler.") for key in missing) and _takes(kind, "add_pooling_layer"):
        # Many checkpoints of a headless encoder were trained without the pooler.
        module, missing = _pretrained(folder, kind, config, add_pooling_layer=False)
    if missing:
        saved = (config.architectures or [""])[0]
        right = ", ".join(tasks_of(config, saved))
        raise SourceError(
            f"{folder} lacks {len(missing)} weights of {kind.__name__}, among them {missing[0]}",
            hint=f"it holds a {saved}: --task {right}" if right else "is it the folder of another architecture?",
        )
    return module


def _pretrained(folder: Path, kind: Any, config: Any, **options: Any) -> tuple[Any, list[str]]:
    try:
        module, report = kind.from_pretrained(
            folder,
            config=config,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            # Plain operators: the one form that every architecture has and that exports.
            attn_implementation="eager",
            **options,
        )
    # As above; a missing optional package, a shape that does not fit, a quantization that needs a GPU.
    except Exception as error:
        raise SourceError(
            f"transformers does not load {folder} as {kind.__name__}: {one_line(error)}",
            hint="do config.json and the weights belong together?",
        ) from error
    return module, sorted(report["missing_keys"])


def _takes(kind: Any, name: str) -> bool:
    return name in inspect.signature(kind.__init__).parameters


@contextmanager
def _quietly_offline() -> Generator[None]:
    """transformers without the network, its progress bars and its warnings; as it was before, afterwards."""
    before = {name: os.environ.get(name) for name in _OFFLINE}
    os.environ.update(_OFFLINE)
    try:
        from transformers.utils import logging
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
