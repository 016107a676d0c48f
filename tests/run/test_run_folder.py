"""The run folder: its name, what may be overwritten, which checkpoint is meant."""

import pytest
import torch

from lit_embed.errors import UserError
from lit_embed.run.run_folder import find_checkpoint, refuse_existing, remove_earlier_run, run_folder


@pytest.mark.parametrize(("run", "configs", "folder"), [
    (None, ["configs/stsb.yaml", "configs/extras/wandb.yaml"], "runs/stsb"),
    ("mine", ["configs/stsb.yaml"], "runs/mine"),
    (None, ["elsewhere/first/config.yaml"], "elsewhere/first"),
    ("mine", ["elsewhere/first/config.yaml"], "runs/mine"),
    ("mine", [], "runs/mine")])
def test_the_first_config_names_the_run(run, configs, folder):
    assert str(run_folder("runs", run, configs)) == folder


def test_a_run_without_a_name_is_a_mistake():
    with pytest.raises(UserError, match="--run NAME"):
        run_folder("runs", None, [])


def test_what_is_not_a_runs_own_is_neither_in_the_way_nor_removed(tmp_path):
    refuse_existing(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "wandb").mkdir()
    refuse_existing(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "config.yaml").write_text("")
    with pytest.raises(UserError, match="--overwrite"):
        refuse_existing(tmp_path)
    remove_earlier_run(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"notes.txt", "wandb"}


def write_last(folder, **state):
    (folder / "checkpoints").mkdir(parents=True)
    torch.save({"state_dict": {}, "callbacks": {"ModelCheckpoint": state}}, folder / "checkpoints/last.ckpt")


def test_best_is_found_by_its_name_even_in_a_moved_folder(tmp_path):
    write_last(tmp_path, monitor="mrr@10", best_model_path="/gone/checkpoints/epoch=0-step=3.ckpt")
    (tmp_path / "checkpoints/epoch=0-step=3.ckpt").touch()
    assert find_checkpoint("best", tmp_path).name == "epoch=0-step=3.ckpt"
    assert find_checkpoint("last", tmp_path).name == "last.ckpt"


def test_no_best_without_a_monitor(tmp_path):
    write_last(tmp_path, monitor=None, best_model_path="")
    with pytest.raises(UserError, match="monitored"):
        find_checkpoint("best", tmp_path)


def test_auto_is_the_last_checkpoint_or_none_where_a_fit_has_yet_to_begin(tmp_path):
    assert find_checkpoint("auto", tmp_path / "nothing") is None
    (tmp_path / "config.yaml").write_text("")                     # what a start that died early leaves
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints/.last.ckpt.0a1b2c3d.part").write_bytes(b"half")
    assert find_checkpoint("auto", tmp_path) is None
    (tmp_path / "checkpoints/last.ckpt").touch()
    assert find_checkpoint("auto", tmp_path) == tmp_path / "checkpoints/last.ckpt"


@pytest.mark.parametrize(("asked", "fits", "says"), [
    ("last", True, "--ckpt_path last asks for: name the run with --run, or give the path of a checkpoint, or `auto` to begin"),
    ("best", True, "--ckpt_path best asks for: .* or `auto` to begin"),
    ("auto", False, "--ckpt_path auto asks for: name the run with --run, or give the path of a checkpoint$"),
    ("lats", True, "no checkpoint lats: give a file, or `last`, `best` or `auto` for those in .*checkpoints")])
def test_no_checkpoint_is_said_with_what_to_do(asked, fits, says, tmp_path):
    with pytest.raises(UserError, match=says):
        find_checkpoint(asked, tmp_path, fits)


def test_an_evaluation_takes_auto_for_the_last(tmp_path):
    write_last(tmp_path)
    assert find_checkpoint("auto", tmp_path, fits=False).name == "last.ckpt"
