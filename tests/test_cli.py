"""The command line: what a run leaves, and every user's mistake as one line with exit status 2."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from tiny_run import config, write_config, write_pairs

from lit_embed import cli
from lit_embed.errors import UserError


@pytest.fixture
def folder(tmp_path, monkeypatch, toy_backbone) -> Path:
    """Where a user stands: tiny.yaml and pairs.csv."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)   # read at import, which may come before conftest
    write_config(tmp_path / "tiny.yaml", config(toy_backbone, write_pairs(tmp_path / "pairs.csv")))
    return tmp_path


def fit(*options: str) -> int:
    return cli.main(["fit", "--config", "tiny.yaml", *options])


def rows_of(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text().splitlines()))


def mistake(capsys, arguments: list[str]) -> str:
    """The one line said on standard error."""
    capsys.readouterr()
    assert cli.main(arguments) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.strip() and "becomes" not in line]
    assert len(said) == 1 and said[0].startswith("lit-embed: error: ")
    return said[0]


def test_help_imports_nothing_heavy():
    code = ("import sys; from lit_embed.cli import main; main(['--help']); "
            "print([name for name in ('torch', 'transformers', 'datasets', 'pytorch_lightning') if name in sys.modules])")
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "[]" and "lit-embed fit" in said


def test_a_run_leaves_its_folder(folder):
    assert fit() == 0
    run = folder / "checkpoints/tiny"
    assert {path.name for path in run.iterdir()} == {"checkpoints", "config.yaml", "metrics.csv", "model", "result.json"}
    assert (run / "checkpoints/last.ckpt").is_file()
    rows = rows_of(run / "metrics.csv")
    assert [row["step"] for row in rows if row["train_loss"]] == ["0", "1", "2", "3"]
    saved = yaml.safe_load((run / "config.yaml").read_text())
    assert saved["trainer"]["max_steps"] == 4 and saved["overwrite"] is False and saved["ckpt_path"] is None


def test_a_saved_config_runs_again_under_another_name(folder):
    assert fit() == 0
    assert cli.main(["fit", "--config", "checkpoints/tiny/config.yaml", "--run", "again"]) == 0
    first, again = (torch.load(folder / "checkpoints" / name / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
                    for name in ("tiny", "again"))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_an_existing_run_is_refused_then_replaced_or_continued(folder, capsys):
    assert fit() == 0
    said = mistake(capsys, ["fit", "--config", "tiny.yaml"])
    assert all(word in said for word in ("checkpoints/tiny", "--run", "--overwrite", "--ckpt_path last"))
    before = (folder / "checkpoints/tiny/metrics.csv").read_text()
    assert fit("--ckpt_path", "last", "--trainer.max_steps", "6") == 0
    after = rows_of(folder / "checkpoints/tiny/metrics.csv")
    steps = [int(row["step"]) for row in after if row["train_loss"]]
    assert steps[:4] == [0, 1, 2, 3] and len(steps) == 6 and steps == sorted(set(steps))
    assert before.splitlines()[1].split(",")[0] == after[0]["step"]
    assert fit("--overwrite", "--trainer.max_steps", "2") == 0
    rows = rows_of(folder / "checkpoints/tiny/metrics.csv")
    assert [row["step"] for row in rows if row["train_loss"]] == ["0", "1"]


def test_auto_begins_over_what_an_early_death_left_then_goes_on(folder, capsys):
    run = folder / "checkpoints/tiny"
    (run / "checkpoints").mkdir(parents=True)
    (run / "config.yaml").write_text("half a conf")
    (run / "metrics.csv").write_text("step,train_loss\n0,1.0\n1,0.9\n")
    (run / "notes.txt").write_text("the user's own")
    assert "no checkpoint" in mistake(capsys, ["fit", "--config", "tiny.yaml", "--ckpt_path", "last"])
    assert "no checkpoint" in mistake(capsys, ["test", "--config", "tiny.yaml", "--ckpt_path", "auto"])
    assert "lats" in mistake(capsys, ["fit", "--config", "tiny.yaml", "--ckpt_path", "lats"])
    assert (run / "config.yaml").read_text() == "half a conf"
    for steps in ("2", "4"):
        assert fit("--ckpt_path", "auto", "--trainer.max_steps", steps) == 0
        found = [row["step"] for row in rows_of(run / "metrics.csv") if row["train_loss"]]
        assert found == [str(step) for step in range(int(steps))]
        assert yaml.safe_load((run / "config.yaml").read_text())["ckpt_path"] is None
    assert torch.load(run / "checkpoints/last.ckpt", weights_only=True)["global_step"] == 4
    assert (run / "notes.txt").is_file()


def test_a_mistake_in_the_data_leaves_an_earlier_run_alone(folder, capsys):
    assert fit() == 0
    before = {path: path.read_bytes() for path in (folder / "checkpoints").rglob("*") if path.is_file()}
    assert "no such file" in mistake(capsys, ["fit", "--config", "tiny.yaml", "--overwrite", "--data.path", "none.csv"])
    assert {path: path.read_bytes() for path in (folder / "checkpoints").rglob("*") if path.is_file()} == before


def test_a_mistake_in_the_data_leaves_no_run_behind(folder, capsys):
    mistake(capsys, ["fit", "--config", "tiny.yaml", "--data.query", "question"])
    assert not (folder / "checkpoints").exists()


@pytest.mark.parametrize(("options", "words"), [
    (["--data.qery", "Q"], ["data", "'qery'", "did you mean 'query'"]),
    (["--model.encoder.poling", "cls"], ["model.encoder", "'poling'", "'pooling'"]),
    (["--model.encoder.pooling", "middle"], ["model.encoder.pooling", "middle", "cls"]),
    (["--trainer.max_stepss", "3"], ["--trainer.max_stepss"]),
    (["--trainer.max_steps", "many"], ["trainer.max_steps", "many"]),
    (["--model.encoder.backbone", "nowhere"], ["nowhere", "--model.encoder.backbone FOLDER"]),
    (["--data.query", "question"], ["question", "Q", "answer"]),
    (["--data.batch_size", "100"], ["100", "32"]),
    (["--ckpt_path", "last"], ["no checkpoint", "checkpoints/tiny/checkpoints"]),
    (["--ckpt_path", "gone.ckpt"], ["no checkpoint gone.ckpt"]),
    (["--config", "gone.yaml"], ["no config gone.yaml"]),
])
def test_a_mistake_is_one_line_that_names_it(folder, capsys, options, words):
    said = mistake(capsys, ["fit", "--config", "tiny.yaml", *options])
    assert all(word in said for word in words), said


@pytest.mark.parametrize(("content", "words"), [
    ("model: [1,\n", ["bad.yaml, line 2"]),
    ("", ["bad.yaml holds no keys"]),
    ("dataa: {path: x}\n", ["unknown key 'dataa"]),
    ("trainer: {max_stepss: 3}\n", ["unknown key 'trainer.max_stepss'"]),
    ("data: {class_path: lit_embed.data.Pears}\n", ["lit_embed.data", "Pears"]),
    ("data: {class_path: lit_embed.data.Pairs, init_args: {qery: Q}}\n", ["unknown key 'qery'", "did you mean 'query'"]),
])
def test_a_broken_config_is_one_line_that_names_the_place(folder, capsys, content, words):
    (folder / "bad.yaml").write_text(content)
    said = mistake(capsys, ["fit", "--config", "tiny.yaml", "--config", "bad.yaml"])
    assert all(word in said for word in words), said


def test_an_unknown_command_lists_those_there_are(capsys):
    assert "fit, validate, test" in mistake(capsys, ["fitt"])


def test_a_checkpoint_that_does_not_fit_is_named(folder, capsys, backbone_folder):
    assert fit() == 0
    last = folder / "checkpoints/tiny/checkpoints/last.ckpt"
    content = torch.load(last, weights_only=True)
    content["hyper_parameters"]["_class_path"] = "lit_embed.modules.CrossEncoder"
    torch.save(content, folder / "other.ckpt")
    said = mistake(capsys, ["fit", "--config", "tiny.yaml", "--ckpt_path", "other.ckpt"])
    assert "lit_embed.modules.CrossEncoder" in said and "BiEncoder" in said
    (folder / "half.ckpt").write_bytes(last.read_bytes()[:1000])
    assert "half.ckpt" in mistake(capsys, ["fit", "--config", "tiny.yaml", "--ckpt_path", "half.ckpt"])
    torch.save({"weights": torch.zeros(3)}, folder / "weights.ckpt")
    assert "no state_dict" in mistake(capsys, ["fit", "--config", "tiny.yaml", "--ckpt_path", "weights.ckpt"])
    said = mistake(capsys, ["fit", "--config", "tiny.yaml", "--ckpt_path", "last",
                            "--model.encoder.backbone", backbone_folder("distilbert")])
    assert "does not fit" in said


def test_a_full_disk_is_one_line_and_the_last_checkpoint_survives(folder):
    assert fit() == 0
    last = folder / "checkpoints/tiny/checkpoints/last.ckpt"
    before = last.read_bytes()
    code = (f"import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before) // 2}, {len(before) // 2})); "
            "from lit_embed.cli import main; sys.exit(main(['fit', '--config', 'tiny.yaml', '--ckpt_path', 'last', "
            "'--trainer.max_steps', '8']))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder)
    said = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 2 and "the disk is full" in said and "Traceback" not in done.stderr, done.stderr
    assert last.read_bytes() == before and not list(folder.rglob("*.part"))


@pytest.mark.parametrize("command", ["validate", "test"])
def test_a_checkpoint_is_evaluated_without_touching_the_run(folder, command):
    assert fit() == 0
    before = (folder / "checkpoints/tiny/metrics.csv").read_text()
    options = [] if command == "validate" else ["--data.validation", "0.2"]
    pairs = write_pairs(folder / "more/test.csv") if (folder / "more").mkdir() is None else None
    write_pairs(folder / "more/train.csv")
    assert cli.main([command, "--config", "tiny.yaml", "--ckpt_path", "last", "--data.path", str(pairs.parent), *options]) == 0
    assert (folder / "checkpoints/tiny/metrics.csv").read_text() == before
    assert "hit_rate@1" in (folder / f"checkpoints/tiny/{command}.csv").read_text()


def test_predict_writes_the_cosine_of_each_pair(folder):
    import pyarrow.parquet as pq

    assert cli.main(["predict", "--config", "tiny.yaml"]) == 0
    table = pq.read_table(folder / "checkpoints/tiny/predictions.parquet")
    assert table.column_names == ["query", "document", "cosine"] and table.num_rows == 8
    assert all(-1.001 <= cosine <= 1.001 for cosine in table["cosine"].to_pylist())


def test_a_bug_keeps_its_traceback(monkeypatch):
    from lit_embed.commands import encode

    def broken(arguments):
        raise KeyError("a bug")

    monkeypatch.setattr(encode, "run", broken)
    with pytest.raises(KeyError):
        cli.main(["encode"])


def test_the_mistake_behind_wrapped_errors_is_found():
    try:
        try:
            raise UserError("the reason")
        except UserError as error:
            raise ValueError("does not validate") from error
    except ValueError as error:
        assert str(cli.users_mistake(error)) == "the reason"
    assert cli.users_mistake(ValueError("a bug")) is None
