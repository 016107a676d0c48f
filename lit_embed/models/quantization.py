"""The backbone's weights in four bits (QLoRA, Dettmers et al. 2023, arXiv 2305.14314): a quarter of the memory of bf16."""

import importlib.util
import os

import torch

from lit_embed.errors import UserError


def four_bits() -> dict[str, object]:
    """What from_pretrained takes to load weights as 4-bit NormalFloat onto this process's GPU.

    Raises
        UserError   no bitsandbytes, or no GPU
    """
    if importlib.util.find_spec("bitsandbytes") is None:
        raise UserError("lora.quantize 4bit needs the package bitsandbytes: pip install bitsandbytes, or leave quantize out")
    if not torch.cuda.is_available():
        raise UserError("lora.quantize 4bit needs a GPU, and there is none here: leave quantize out")
    from transformers import BitsAndBytesConfig

    scheme = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
                                bnb_4bit_compute_dtype=torch.bfloat16)
    return {"quantization_config": scheme, "device_map": {"": int(os.environ.get("LOCAL_RANK", 0))}}
