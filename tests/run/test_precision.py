"""Every config runs on this machine: what becomes of each precision on CPUs with and without bf16, and on a GPU."""

import pytest
import torch

from lit_embed.run import precision
from lit_embed.run.precision import precision_here


@pytest.mark.parametrize(("asked", "bf16", "got"), [
    ("16-mixed", True, "bf16-mixed"), ("16-mixed", False, "32-true"), ("16", True, "bf16-mixed"), (16, False, "32-true"),
    ("bf16-mixed", True, "bf16-mixed"), ("bf16-mixed", False, "32-true"), ("bf16", False, "32-true"),
    ("16-true", True, "bf16-mixed"), ("16-true", False, "32-true"), ("bf16-true", False, "32-true"),
    ("32-true", True, "32-true"), ("64-true", False, "64-true"), (None, True, None)])
def test_on_a_cpu(monkeypatch, asked, bf16, got):
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: bf16)
    here, said = precision_here(asked, "cpu")
    assert here == got and (said is not None) == (got != asked)


@pytest.mark.parametrize("accelerator", ["cpu", "gpu"])
def test_weights_in_bf16_are_taken_with_a_word_on_what_they_lose(monkeypatch, accelerator):
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: True)
    here, said = precision_here("bf16-true", accelerator)
    assert here == "bf16-true" and "below 1/512 of a weight is lost" in said and "\n" not in said


def test_on_a_gpu_it_is_as_asked(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    assert precision_here("16-mixed", "auto") == ("16-mixed", None)
    assert precision_here("16-mixed", "gpu") == ("16-mixed", None) and precision_here("16-true", "gpu") == ("16-true", None)
    assert precision_here("16-mixed", "cpu")[0] != "16-mixed"


def test_the_cpu_is_asked_what_it_can(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False, "amx_bf16": True})
    assert precision.cpu_has_bf16()
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    assert not precision.cpu_has_bf16()
