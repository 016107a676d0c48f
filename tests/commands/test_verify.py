"""`lit-embed verify`: a table, a verdict in the last line, an exit status, a file of all figures."""

import json

import pytest
from wrong_gathers import without_gradient

from lit_embed import cli
from lit_embed.commands import verify
from lit_embed.run import certificate


@pytest.fixture(autouse=True)
def _only_info_nce(monkeypatch):
    monkeypatch.setattr(verify, "LOSSES", verify.LOSSES[:1])


def test_four_processes_are_verified(tmp_path, capsys):
    assert cli.main(["verify", "--world", "4", "--json", str(tmp_path / "certificate.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("verified: 12 comparisons on 4 processes, largest deviation ")
    assert any(line.split()[:3] == ["4", "processes,", "micro-batches,"] for line in lines)
    found = json.loads((tmp_path / "certificate.json").read_text())
    assert found["verified"] and found["verdict"] == lines[-1] and len(found["comparisons"]) == 14


def test_a_gather_without_gradient_ends_with_status_one(toy_backbone, monkeypatch, capsys):
    monkeypatch.setattr(certificate, "work", without_gradient)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["verify", "--world", "2", "--model", toy_backbone])
    assert stopped.value.code == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("deviates: 6 of 12 comparisons on 2 processes")


def test_every_loss_of_the_package_is_verified(monkeypatch):
    from lit_embed import losses
    monkeypatch.undo()
    classes = {name for name in losses.__all__ if isinstance(getattr(losses, name), type)}
    assert {loss.name for loss in verify.LOSSES} == classes


@pytest.mark.parametrize("arguments, says", [(["--world", "0"], "number of processes"), (["--model", "nowhere"], "nowhere")])
def test_a_mistake_is_one_line(arguments, says, capsys):
    assert cli.main(["verify", *arguments]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("lit-embed: error: ") and says in error
