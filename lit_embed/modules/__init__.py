"""LightningModules: who meets whom in one step, nothing else."""

from lit_embed.modules.bi_encoder import BiEncoder

__all__ = ["BiEncoder"]
