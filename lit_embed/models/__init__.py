"""Encoders: a Hugging Face backbone, packed attention, pooling."""

from lit_embed.models.text_encoder import TextEncoder
from lit_embed.models.tokenizer import TextTokenizer

__all__ = ["TextEncoder", "TextTokenizer"]
