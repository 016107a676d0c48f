"""Memory that was freed is used again without asking the system."""

import platform
import subprocess
import sys

import pytest

CODE = """
import resource, torch
from lit_embed.run.allocator import keep_freed_memory
assert keep_freed_memory() is {keeps}
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.zeros(32 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(min(faults() for _ in range(20)))               # the first few blocks still find their places
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator than glibc's")
def test_a_block_of_128_MB_costs_its_page_faults_once():
    said = subprocess.run([sys.executable, "-c", CODE.format(keeps=True)], capture_output=True, text=True, check=True).stdout
    assert int(said) < 30                               # 32,768 small pages or 64 huge ones, if it came from the system


def test_other_systems_are_left_alone(monkeypatch):
    from lit_embed.run.allocator import keep_freed_memory
    monkeypatch.setattr("sys.platform", "darwin")
    assert keep_freed_memory() is False
