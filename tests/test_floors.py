"""Imports only go down: a room knows the floors below it, and nobody above or beside it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "lit_embed"
FLOORS = {"errors": 0, "files": 0, "batches": 0, "distributed": 0,   # these four stand below all rooms
          "metrics": 1, "models": 1, "search": 1, "benchmarks": 1,
          "losses": 2, "data": 2, "callbacks": 2,
          "modules": 3, "run": 3, "serving": 3,
          "commands": 4, "cli": 5}                                   # the door: it calls a command by its name


def rooms_used(file: Path) -> set[str]:
    used = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if names == ["lit_embed"]:                                   # from lit_embed import models
            names = [f"lit_embed.{alias.name}" for alias in node.names]
        used |= {name.split(".")[1] for name in names if name.startswith("lit_embed.")}
    return used & FLOORS.keys()


@pytest.mark.parametrize("file", sorted(ROOT.rglob("*.py")), ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_only_go_down(file):
    room = file.relative_to(ROOT).with_suffix("").parts[0]
    if room == "__init__":
        assert not rooms_used(file)
        return
    for used in rooms_used(file) - {room}:
        on_ground = FLOORS[room] == 0 and FLOORS[used] == 0
        assert FLOORS[used] < FLOORS[room] or on_ground, f"{file.name} ({room}) imports {used}"


def test_only_one_file_names_torch_distributed():
    named = {str(file.relative_to(ROOT)) for file in ROOT.rglob("*.py") if "torch.distributed" in file.read_text("utf8")}
    assert named == {"distributed.py"}
