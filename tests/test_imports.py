"""Every module imports by itself, and every file has its test."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "lit_embed").rglob("*.py"))


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_module_imports(file):
    name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    assert importlib.import_module(name).__doc__


@pytest.mark.parametrize("file", [file for file in MODULES if "\ndef " in file.read_text("utf8")], ids=lambda file: file.stem)
def test_every_module_has_its_tests(file):
    inside = file.relative_to(ROOT / "lit_embed")
    assert (ROOT / "tests" / inside.parent / f"test_{inside.name}").is_file()
