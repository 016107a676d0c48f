"""The figures we report, as plain functions of arrays: nothing here knows models, files or processes."""

from lit_embed.metrics.bootstrap import intervals
from lit_embed.metrics.correlations import (cosine, dot, euclidean, manhattan, pearson, ranks, similarities,
                                            similarity_correlations, spearman)
from lit_embed.metrics.decisions import auc, class_figures, two_class_figures
from lit_embed.metrics.ranking import (average_precisions, hit_rate, hits, mrr, ndcg, normalized_gains, precisions,
                                       question_figures, recalls, reciprocal_ranks, retrieval_metrics)

__all__ = ["auc", "average_precisions", "class_figures", "cosine", "dot", "euclidean", "hit_rate", "hits", "intervals",
           "manhattan", "mrr", "ndcg", "normalized_gains", "pearson", "precisions", "question_figures", "ranks",
           "recalls", "reciprocal_ranks", "retrieval_metrics", "similarities", "similarity_correlations", "spearman",
           "two_class_figures"]
