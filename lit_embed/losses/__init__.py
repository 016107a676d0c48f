"""Losses: each one function from tensors to a scalar, and a thin module that remembers its settings."""

from lit_embed.losses.binary_relevance import BinaryRelevance, binary_relevance
from lit_embed.losses.cosent import CoSENT, cosent
from lit_embed.losses.cosine_regression import CosineRegression, cosine_regression
from lit_embed.losses.guided_info_nce import GuidedInfoNCE, guided_info_nce
from lit_embed.losses.info_nce import InfoNCE, SymmetricInfoNCE, info_nce, symmetric_info_nce
from lit_embed.losses.info_nce_chunked import info_nce_chunked, symmetric_info_nce_chunked
from lit_embed.losses.kl_distillation import KLDistillation, kl_distillation
from lit_embed.losses.listwise_softmax import ListwiseSoftmax, listwise_softmax
from lit_embed.losses.loss_by_set import LossBySet
from lit_embed.losses.margin_mse import MarginMSE, margin_mse
from lit_embed.losses.matryoshka import Matryoshka, matryoshka
from lit_embed.losses.pair_classification import PairClassification, pair_classification
from lit_embed.losses.same_text import same_text
from lit_embed.losses.sigmoid_pairs import SigmoidPairs, sigmoid_pairs
from lit_embed.losses.softmax import SoftmaxClassification, softmax_classification
from lit_embed.losses.triplet import Triplet, triplet

__all__ = ["BinaryRelevance", "CoSENT", "CosineRegression", "GuidedInfoNCE", "InfoNCE", "KLDistillation", "ListwiseSoftmax",
           "LossBySet", "MarginMSE", "Matryoshka", "PairClassification", "SigmoidPairs", "SoftmaxClassification",
           "SymmetricInfoNCE", "Triplet", "binary_relevance", "cosent", "cosine_regression", "guided_info_nce", "info_nce",
           "info_nce_chunked", "kl_distillation", "listwise_softmax", "margin_mse", "matryoshka", "pair_classification",
           "same_text", "sigmoid_pairs", "softmax_classification", "symmetric_info_nce", "symmetric_info_nce_chunked",
           "triplet"]
