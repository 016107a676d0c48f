"""`lit-embed compare` names the first step that differs, and in what."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from tiny_run import config, write_config, write_pairs

from lit_embed import cli
from lit_embed.callbacks.replay import HEADER, ReplayStep
from lit_embed.commands.compare import differs_in, first_difference

STEPS = {step: ReplayStep(step, step // 4, f"{step:016x}", 1 / step, 2 / step) for step in range(1, 8)}


def write_run(folder, steps, bias: float = 0.0):
    (folder / "model").mkdir(parents=True)
    save_file({"bias": torch.tensor([bias, 1.0])}, folder / "model/model.safetensors")
    lines = [f"{s.step},{s.epoch},{s.texts},{s.loss!r},{s.gradient_norm!r}\n" for s in steps.values()]
    (folder / "replay.csv").write_text(HEADER + "".join(lines))
    return folder


def compare(capsys, *arguments) -> tuple[int, str]:
    """Exit status and what was printed."""
    try:
        status = cli.main(["compare", *map(str, arguments)])
    except SystemExit as ended:
        status = ended.code
    printed = capsys.readouterr()
    return status, printed.out + printed.err


def changed(step: int, **values) -> dict[int, ReplayStep]:
    return STEPS | {step: replace(STEPS[step], **values)}


@pytest.mark.parametrize("values, what, because", [
    ({"texts": "f" * 16, "loss": 9.0}, "in the order of the data, the loss; 4 steps before it are", "another seed"),
    ({"loss": 0.2 + 1e-16}, "in the loss; 4 steps", "learning rate"),
    ({"gradient_norm": 0.5}, "in the gradient norm; 4 steps before it are equal to the bit", "backward pass"),
    ({"loss": float("nan")}, "in the loss;", "learning rate"),
])
def test_the_first_step_that_differs_is_named_with_its_surroundings(values, what, because, tmp_path, capsys):
    runs = write_run(tmp_path / "a", STEPS), write_run(tmp_path / "b", changed(5, **values) | {7: STEPS[6]})
    status, said = compare(capsys, *runs)
    assert status == 1 and f"step 5 is the first that differs, {what}" in said and because in said
    rows = [line.split()[:2] for line in said.splitlines() if "0000000000000" in line]
    assert rows == [["3", "0"], ["4", "1"], [">", "5"], ["6", "1"], ["7", "1"]]
    assert "weights: the 1 parameters of model/ are equal" in said


def test_runs_that_are_equal_say_so_and_weights_count_too(tmp_path, capsys):
    first, second, other = (write_run(tmp_path / n, STEPS, bias) for n, bias in [("a", 0.0), ("b", 0.0), ("c", 0.1)])
    status, said = compare(capsys, first, second)
    assert status == 0 and "all 7 steps are equal to the bit" in said and f"A: {first}, steps 1 to 7" in said
    status, said = compare(capsys, first, other)
    assert status == 1 and "all 7 steps are equal" in said and "differ, the first is bias" in said
    (second / "model/model.safetensors").unlink()
    (second / "model").rmdir()
    status, said = compare(capsys, first, second)
    assert status == 0 and "b has no model/" in said


def test_a_tolerance_is_a_share_of_the_value(tmp_path, capsys):
    nearly = {step: replace(each, loss=each.loss * (1 + 1e-5)) for step, each in STEPS.items()}
    runs = write_run(tmp_path / "a", STEPS), write_run(tmp_path / "b", nearly)
    assert compare(capsys, *runs, "--tolerance", "1e-4")[0] == 0
    status, said = compare(capsys, *runs, "--tolerance", "1e-6")
    assert status == 1 and "step 1 is the first that differs" in said
    assert "0 steps before it are equal within 1e-06" in said


def test_steps_that_only_one_run_has_are_a_difference(tmp_path, capsys):
    short = {step: each for step, each in STEPS.items() if step < 6}
    status, said = compare(capsys, write_run(tmp_path / "a", STEPS), write_run(tmp_path / "b", short))
    assert status == 1 and "step 6 is only in A; 5 steps before it are equal" in said
    late = {step: each for step, each in STEPS.items() if step > 2}
    status, said = compare(capsys, write_run(tmp_path / "c", late), tmp_path / "a")
    assert status == 1 and "A: " in said and "steps 3 to 7" in said and "step 1 is only in B" in said
    assert compare(capsys, tmp_path / "a", write_run(tmp_path / "d", {}))[0] == 1
    assert first_difference({}, {}, 0) is None


def test_infinite_and_missing_values_equal_themselves():
    odd = replace(STEPS[1], loss=float("nan"), gradient_norm=float("inf"))
    assert differs_in(odd, replace(odd), 0.5) == []
    assert differs_in(odd, STEPS[1], 0.5) == ["loss", "gradient_norm"]


def test_mistakes_are_one_line(tmp_path, capsys):
    run = write_run(tmp_path / "a", STEPS)
    status, said = compare(capsys, run, tmp_path / "nowhere")
    assert status == 2 and "nowhere has no replay.csv" in said and said.count("\n") == 1
    status, said = compare(capsys, run, run, "--tolerance", "2")
    assert status == 2 and "--tolerance 2.0" in said


@pytest.fixture(scope="module")
def runs(toy_backbone, tmp_path_factory):
    """runs("name", option, value) trains the tiny experiment and gives its folder."""
    folder = tmp_path_factory.mktemp("runs")
    content = config(toy_backbone, write_pairs(folder / "pairs.csv"))
    content["trainer"]["callbacks"] = [{"class_path": "lit_embed.callbacks.Replay"}]
    content["trainer"]["limit_val_batches"] = 0
    file = write_config(folder / "tiny.yaml", content)

    def run(name: str, *options: str):
        assert cli.main(["fit", "--config", str(file), "--checkpoints", str(folder), "--run", name, *options]) == 0
        return folder / name

    run("first")
    return run


@pytest.mark.parametrize("option, value, says", [
    ("--seed_everything", "42", "all 4 steps are equal to the bit"),
    ("--seed_everything", "43", "step 1 is the first that differs, in the order of the data"),
    ("--data.batch_size", "6", "step 1 is the first that differs, in the order of the data"),
    ("--model.learning_rate", "1e-3", "step 3 is the first that differs, in the loss"),
    ("--model.warmup", "0", "step 2 is the first that differs, in the loss"),
])
def test_two_real_runs(option, value, says, runs, capsys):
    again = runs(f"{option.strip('-')}={value}", option, value)
    capsys.readouterr()
    status, said = compare(capsys, again.parent / "first", again)
    assert says in said and status == int("differs" in says)
    assert ("weights: " in said) and ("differ, the first is embeddings." in said) == (status == 1)
