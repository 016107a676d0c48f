"""Losses: each one function from tensors to a scalar, and a thin module that remembers its settings."""

from lit_embed.losses.cosine_regression import CosineRegression, cosine_regression
from lit_embed.losses.info_nce import InfoNCE, SymmetricInfoNCE, info_nce, same_text, symmetric_info_nce
from lit_embed.losses.softmax import SoftmaxClassification, softmax_classification

__all__ = ["CosineRegression", "InfoNCE", "SoftmaxClassification", "SymmetricInfoNCE",
           "cosine_regression", "info_nce", "same_text", "softmax_classification", "symmetric_info_nce"]
