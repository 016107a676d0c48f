"""LightningModules: who meets whom in one step, nothing else."""

from lit_embed.modules.bi_encoder import BiEncoder
from lit_embed.modules.cross_encoder import CrossEncoder

__all__ = ["BiEncoder", "CrossEncoder"]
