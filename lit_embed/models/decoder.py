"""What turns a decoder into an encoder: texts that end with an end-of-text token, and attention that looks both ways."""

import torch
from tokenizers import processors
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from lit_embed.batches import Tokens
from lit_embed.errors import UserError
from lit_embed.models.backbone import evaluating, run_padded


def is_decoder(backbone: PreTrainedModel) -> bool:
    """Whether a token of this model sees only those before it, as it was published."""
    return not getattr(backbone.config, "is_causal", True) or any(getattr(part, "is_causal", False) for part in backbone.modules())


def end_with_eos(tokenizer: PreTrainedTokenizerBase) -> None:
    """Makes `tokenizer` end each text with its EOS token, within any maximum length; nothing if it does already.

    It becomes a rule of the tokenizer itself: saved with it, read by other libraries, part of what names the token cache.

    Raises
        UserError   it has no EOS token, or is one of those written in Python, which have no such rules
    """
    eos, number = tokenizer.eos_token, tokenizer.eos_token_id
    if eos is None:
        raise UserError("append_eos: the tokenizer of this backbone has no EOS token; set append_eos to false")
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise UserError(f"append_eos: {type(tokenizer).__name__} is written in Python and takes no such rule; set append_eos to "
                        "false")
    if last_of(tokenizer) == number:
        return
    rule = processors.TemplateProcessing(single=f"$A {eos}", pair=f"$A $B {eos}", special_tokens=[(eos, number)])
    backend.post_processor = processors.Sequence([backend.post_processor, rule]) if backend.post_processor else rule
    # Where these words stand in tokenizer_config.json, readers make the rule anew from them.
    if {"add_bos_token", "add_eos_token"} & tokenizer.init_kwargs.keys():
        tokenizer.init_kwargs["add_eos_token"] = True


def ends_texts(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the tokenizer puts a special token of its own, EOS or [SEP], behind each text."""
    return last_of(tokenizer) in tokenizer.all_special_ids


def last_of(tokenizer: PreTrainedTokenizerBase) -> int:
    return (tokenizer("a")["input_ids"] or [-1])[-1]


def look_both_ways(backbone: PreTrainedModel, both: bool | None) -> None:
    """Every token of a text sees all of it (True), or those before it (False); None leaves what the folder says.

    Written into the config as `is_causal`, a word that transformers and sentence-transformers know.

    Raises
        UserError   the architecture looks ahead already, or does not take it
    """
    if both is None:
        both = getattr(backbone.config, "is_causal", True) is False
        if not both:
            return
    if not is_decoder(backbone):
        if both:
            raise UserError(f"bidirectional: every token of {type(backbone).__name__} sees the whole text already; leave it out")
        return
    backbone.config.is_causal = not both
    for part in backbone.modules():                  # attention without a mask asks its own layer
        if hasattr(part, "is_causal"):
            part.is_causal = not both
    if looks_ahead(backbone) is not both:
        raise UserError(f"bidirectional: the attention of {type(backbone).__name__} cannot be changed; leave it out")


@torch.no_grad()
def looks_ahead(backbone: PreTrainedModel) -> bool:
    """Whether the first token's vector depends on the last token, beside a shorter text and alone."""
    first = torch.tensor([1, 2, 3, 4, 5, 6], device=backbone.device) % backbone.config.vocab_size
    other = first.clone()
    other[5] = 7 % backbone.config.vocab_size
    with evaluating(backbone):
        for lengths in ([6], [2, 4]):
            before, after = (run_padded(backbone, Tokens(ids, torch.tensor(lengths)))[-lengths[-1]] for ids in (first, other))
            if torch.allclose(before, after, rtol=0, atol=1e-6):
                return False
    return True
