"""What happens around training: evaluations, speed, and what a run leaves behind. Each is one word in a YAML."""

from lit_embed.callbacks.dimensions import Dimensions
from lit_embed.callbacks.guide import Guide
from lit_embed.callbacks.hit_rate import HitRate
from lit_embed.callbacks.image_text_recall import ImageTextRecall
from lit_embed.callbacks.mine_negatives import MineNegatives
from lit_embed.callbacks.model_folder import ModelFolder
from lit_embed.callbacks.mteb_evaluation import Mteb
from lit_embed.callbacks.numerics import Numerics
from lit_embed.callbacks.pair_scores import PairScores
from lit_embed.callbacks.replay import Replay
from lit_embed.callbacks.report import Report
from lit_embed.callbacks.reranking import Rerank
from lit_embed.callbacks.search_index import SearchIndex
from lit_embed.callbacks.spearman import Spearman
from lit_embed.callbacks.throughput import Throughput

__all__ = ["Dimensions", "Guide", "HitRate", "ImageTextRecall", "MineNegatives", "ModelFolder", "Mteb", "Numerics",
           "PairScores", "Replay", "Report", "Rerank", "SearchIndex", "Spearman", "Throughput"]
