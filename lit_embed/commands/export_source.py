"""What `lit-embed export` is pointed at: a finished run, or the folder of a model."""

from dataclasses import dataclass
from pathlib import Path

from lit_embed.errors import UserError
from lit_embed.models.folder import read_json
from lit_embed.models.onnx_encoder import is_onnx
from lit_embed.models.scorer_folder import HEAD
from lit_embed.run.run_folder import CONFIG, MODEL

MODELS = ("config.json", "modules.json", "adapter_config.json")


@dataclass(frozen=True)
class Source:
    """
    model    folder of the model
    run      folder of the run that trained it, None where it lies by itself
    scores   whether it is a cross-encoder
    """

    model: Path
    run: Path | None
    scores: bool


def find_source(name: str, checkpoints: str) -> Source:
    """The run or the model of this name, looked for as a path and among the runs.

    Raises
        UserError   neither there, a run that is not finished, or a model that was exported before
    """
    folder = next((each for each in (Path(name).expanduser(), Path(checkpoints, name)) if each.is_dir()), None)
    if folder is None:
        runs = ", ".join(sorted(each.parent.name for each in Path(checkpoints).glob(f"*/{MODEL}")))
        raise UserError(f"no run or model folder {name!r}: {checkpoints} holds {runs or 'no finished run'}")
    if (folder / CONFIG).is_file() and not (folder / MODEL).is_dir():
        raise UserError(f"{folder} holds no model: a run leaves one when training ends")
    model = folder / MODEL if (folder / MODEL).is_dir() else folder
    if not any((model / file).is_file() for file in MODELS):
        raise UserError(f"{model} is no folder of a model: it has none of {', '.join(MODELS)}")
    if is_onnx(model):
        raise UserError(f"{model} holds ONNX alone, which cannot be exported again: give the model that it was made of")
    run = model.parent if model.name == MODEL and (model.parent / CONFIG).is_file() else None
    return Source(model, run, scores(model))


def scores(model: Path) -> bool:
    """Whether the folder is that of a cross-encoder: a classification head, and no pooling."""
    kinds = read_json(model / "config.json").get("architectures") or [""]
    pooled = any(module["type"].endswith("Pooling") for module in read_json(model / "modules.json"))
    return kinds[0].endswith(HEAD) and not pooled
