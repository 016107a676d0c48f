"""Encoders and cross-encoders: a Hugging Face backbone, packed attention, pooling or a head."""

from lit_embed.models.adaptation import DecoderSettings
from lit_embed.models.image_text_encoder import ImageTextEncoder
from lit_embed.models.image_text_towers import ImageTextTowers
from lit_embed.models.image_tower import ImageTower
from lit_embed.models.lora import Lora
from lit_embed.models.text_encoder import TextEncoder
from lit_embed.models.text_pair_scorer import TextPairScorer
from lit_embed.models.tokenizer import TextTokenizer

__all__ = ["DecoderSettings", "ImageTextEncoder", "ImageTextTowers", "ImageTower", "Lora", "TextEncoder", "TextPairScorer",
           "TextTokenizer"]
