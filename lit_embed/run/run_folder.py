"""The folder of a run: what it is called, who may write into it, where its checkpoints are."""

import os
import pickle
import shutil
from pathlib import Path

import torch

from lit_embed.errors import UserError

# What a run leaves; anything else in the folder is the user's or a logger's and is never removed.
CONFIG, METRICS, MODEL, INDEX, CHECKPOINTS = "config.yaml", "metrics.csv", "model", "index", "checkpoints"
LEFT_BY_A_RUN = (CONFIG, METRICS, MODEL, INDEX, CHECKPOINTS, "result.json", "replay.csv")


def run_folder(root: str, run: str | None, configs: list[str]) -> Path:
    """`root`/NAME, where NAME is `run` or that of the first config; a run's own config.yaml names its folder."""
    if run is None and configs and Path(configs[0]).name == CONFIG:
        return Path(configs[0]).parent
    if run is None and not configs:
        raise UserError("the run has no name: give --config FILE, whose name it takes, or --run NAME")
    return Path(root, run or Path(configs[0]).stem)


def refuse_existing(folder: Path) -> None:
    """Raises UserError where an earlier run left something."""
    if any((folder / name).exists() for name in LEFT_BY_A_RUN):
        raise UserError(f"the run folder {folder} exists already: give another name with --run NAME, continue it with "
                        "--ckpt_path last, or replace it with --overwrite")


def remove_earlier_run(folder: Path) -> None:
    for name in LEFT_BY_A_RUN:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def find_checkpoint(asked: str, folder: Path, fits: bool = True) -> Path | None:
    """The file meant by "last", "best" or a path; "auto" is the last one, or None where a fit has yet to begin.

    fits        whether a run may begin; an evaluation of weights that nobody trained is no answer

    Raises
        UserError   there is none
    """
    last = folder / CHECKPOINTS / "last.ckpt"
    if asked == "auto" and fits:
        return last if last.exists() else None
    if asked not in ("last", "best", "auto"):
        if not Path(asked).exists():
            raise UserError(f"no checkpoint {asked}: give a file, or `last`, `best` or `auto` for those in {last.parent}")
        return Path(asked)
    if not last.exists():
        begin = ", or `auto` to begin where there is none" if fits else ""
        raise UserError(f"no checkpoint in {last.parent}, which --ckpt_path {asked} asks for: name the run with --run, "
                        f"or give the path of a checkpoint{begin}")
    return _best(last) if asked == "best" else last


def _best(last: Path) -> Path:
    states = read_checkpoint(last).get("callbacks", {}).values()
    found = [state["best_model_path"] for state in states if state.get("monitor") and state.get("best_model_path")]
    # The run folder may have been moved since, so only the name of the file counts.
    if not found or not (best := last.parent / os.path.basename(found[0])).exists():
        raise UserError(f"{last} knows no best checkpoint: no ModelCheckpoint of that run monitored anything; "
                        "use --ckpt_path last")
    return best


def read_checkpoint(path: Path) -> dict:
    """The content of a Lightning checkpoint, mapped from disk.

    Raises
        UserError   it is not one
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, OSError) as error:
        raise UserError(f"{path} is not a whole Lightning checkpoint: {str(error).splitlines()[0]}") from error
    if not isinstance(content, dict) or "state_dict" not in content:
        raise UserError(f"{path} is not a Lightning checkpoint: it holds no state_dict")
    return content


def refuse_another_class(path: Path, class_path: str) -> None:
    """Raises UserError if the checkpoint was written by another class than the config trains."""
    name = read_checkpoint(path).get("hyper_parameters", {}).get("_class_path", class_path)
    if name.rsplit(".", 1)[-1] != class_path.rsplit(".", 1)[-1]:
        raise UserError(f"{path} is a checkpoint of {name}, the config trains {class_path}: give the config it was made with")
