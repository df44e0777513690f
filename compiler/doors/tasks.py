"""Which class of transformers' a task names: its own auto classes decide, infc adds no table of models."""

from typing import Any

import transformers

from infc.errors import SourceError, UsageError

# Task names are those of transformers' pipelines; each mapping leads from a config's class to the model's.
_TASKS = {
    "feature-extraction": transformers.MODEL_MAPPING,
    "text-classification": transformers.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    "token-classification": transformers.MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
    "question-answering": transformers.MODEL_FOR_QUESTION_ANSWERING_MAPPING,
    "fill-mask": transformers.MODEL_FOR_MASKED_LM_MAPPING,
    "text-generation": transformers.MODEL_FOR_CAUSAL_LM_MAPPING,
    "text2text-generation": transformers.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    "image-classification": transformers.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING,
    "image-segmentation": transformers.MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING,
    "object-detection": transformers.MODEL_FOR_OBJECT_DETECTION_MAPPING,
    "depth-estimation": transformers.MODEL_FOR_DEPTH_ESTIMATION_MAPPING,
    "audio-classification": transformers.MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING,
    "automatic-speech-recognition": transformers.MODEL_FOR_CTC_MAPPING,
    "speech-to-text": transformers.MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING,
}


def model_class(config: Any, task: str) -> Any:
    """The class for `task`; without a task the one that the config says the checkpoint was saved from.

    Raises:
        UsageError: there is no such task.
        SourceError: the architecture has no head for it, or the config names no class that a task leads to.
    """
    known = [name for name, mapping in _TASKS.items() if type(config) in mapping]
    possible = f"tasks of {config.model_type}: {', '.join(known) or 'none that infc knows'}"
    saved = (config.architectures or [""])[0]
    if task:
        if task not in _TASKS:
            raise UsageError(f"there is no task {task!r}", hint=possible)
        if task not in known:
            raise SourceError(f"{config.model_type} has no head for {task}", hint=possible)
        classes = _classes(config, task)
        return next((each for each in classes if each.__name__ == saved), classes[0])
    for name in known:
        for each in _classes(config, name):
            if each.__name__ == saved:
                return each
    raise SourceError(
        f"config.json names the class {saved!r}, which no task leads to"
        if saved
        else "config.json does not say what class the model was saved from",
        hint=f"say it with --task; {possible}",
    )


def tasks_of(config: Any, name: str) -> list[str]:
    """The tasks that lead to the class called `name`."""
    known = [task for task, mapping in _TASKS.items() if type(config) in mapping]
    return [task for task in known if any(each.__name__ == name for each in _classes(config, task))]


def _classes(config: Any, task: str) -> tuple[Any, ...]:
    found: Any = _TASKS[task][type(config)]
    return tuple(found) if isinstance(found, tuple | list) else (found,)
