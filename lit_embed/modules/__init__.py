"""LightningModules: who meets whom in one step, nothing else."""

from lit_embed.modules.bi_encoder import BiEncoder
from lit_embed.modules.cross_encoder import CrossEncoder
from lit_embed.modules.image_text_bi_encoder import ImageTextBiEncoder

__all__ = ["BiEncoder", "CrossEncoder", "ImageTextBiEncoder"]
