"""Which model made these vectors: a short name for its weights and settings, so that no other model searches them."""

import hashlib
import json

import torch
from torch import nn


def fingerprint(encoder: nn.Module) -> str:
    """Changes with any weight, and with what a TextEncoder says of its texts (pooling, prefixes, tokens).

    The weights count as float32 values on the CPU: the same model on another device, or saved and loaded, is the same.
    A model whose weights are behind an endpoint says itself what stands for them (`identity`).
    """
    if (named := getattr(encoder, "identity", None)) is not None:
        return hashlib.blake2b(named.encode(), digest_size=16).hexdigest()
    names = ("pooling", "normalization", "query_prefix", "document_prefix", "max_length")
    settings = {name: getattr(encoder, name, None) for name in names}
    settings["tokens"] = getattr(getattr(encoder, "tokenizer", None), "fingerprint", None)
    if getattr(getattr(getattr(encoder, "backbone", None), "config", None), "is_causal", True) is False:
        settings["is_causal"] = False               # a decoder's attention is no weight
    digest = hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=16)
    if hasattr(encoder, "weights_digest"):                # an exported model, whose weights are no torch tensors
        digest.update(encoder.weights_digest().encode())
        return digest.hexdigest()
    for name, value in sorted(encoder.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().to("cpu", torch.float32).contiguous().numpy().tobytes())
    return digest.hexdigest()
