"""Which precision this machine can train in: every config runs on a laptop as it stands."""

import torch

HALF = {"16-mixed": "16-mixed", "16": "16-mixed", "bf16-mixed": "bf16-mixed", "bf16": "bf16-mixed"}


def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bf16 numbers by itself; emulated, they are several times slower than float32."""
    can = torch.cpu.get_capabilities()
    return any(can.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16", "arm_bf16"))


def precision_here(asked: object, accelerator: str) -> tuple[object, str | None]:
    """The precision to train in, and one sentence if it is another than the one asked for.

    asked         what the config says, for example "16-mixed"
    accelerator   the Trainer's: "auto", "cpu", "gpu" ...
    """
    half = HALF.get(str(asked))
    on_cpu = accelerator == "cpu" or accelerator == "auto" and not torch.accelerator.is_available()
    if half is None or not on_cpu:
        return asked, None
    # fp16 needs a loss scale and kernels that CPUs do not have.
    best = "bf16-mixed" if cpu_has_bf16() else "32-true"
    if half == best:
        return asked, None
    reason = "on the CPU" if best == "bf16-mixed" else "on a CPU without bf16"
    return best, f"precision {asked} becomes {best} {reason}"
