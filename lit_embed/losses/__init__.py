"""Losses: each one function from tensors to a scalar, and a thin module that remembers its settings."""

from lit_embed.losses.binary_relevance import BinaryRelevance, binary_relevance
from lit_embed.losses.cosine_regression import CosineRegression, cosine_regression
from lit_embed.losses.info_nce import InfoNCE, SymmetricInfoNCE, info_nce, symmetric_info_nce
from lit_embed.losses.info_nce_chunked import info_nce_chunked, symmetric_info_nce_chunked
from lit_embed.losses.listwise_softmax import ListwiseSoftmax, listwise_softmax
from lit_embed.losses.pair_classification import PairClassification, pair_classification
from lit_embed.losses.same_text import same_text
from lit_embed.losses.sigmoid_pairs import SigmoidPairs, sigmoid_pairs
from lit_embed.losses.softmax import SoftmaxClassification, softmax_classification

__all__ = ["BinaryRelevance", "CosineRegression", "InfoNCE", "ListwiseSoftmax", "PairClassification",
           "SigmoidPairs", "SoftmaxClassification", "SymmetricInfoNCE", "binary_relevance", "cosine_regression", "info_nce",
           "info_nce_chunked", "listwise_softmax", "pair_classification", "same_text", "sigmoid_pairs",
           "softmax_classification", "symmetric_info_nce", "symmetric_info_nce_chunked"]
