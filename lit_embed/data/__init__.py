"""Rows -> batches. To add a data set: subclass PairData, write rows(split)."""

from lit_embed.data.beir import Beir
from lit_embed.data.image_text import ImageText
from lit_embed.data.klue import KlueMrc, KlueSts
from lit_embed.data.mixing_rules import BySize, ByWeights, RoundRobin
from lit_embed.data.mixture import Mixture
from lit_embed.data.mnli import Mnli
from lit_embed.data.pair_data import PairData
from lit_embed.data.pair_stream import PairStream
from lit_embed.data.pairs import Pairs
from lit_embed.data.python_functions import PythonFunctions
from lit_embed.data.sentences import Sentences
from lit_embed.data.sts import Sts

__all__ = ["Beir", "BySize", "ByWeights", "ImageText", "KlueMrc", "KlueSts", "Mixture", "Mnli", "PairData", "PairStream",
           "Pairs", "PythonFunctions", "RoundRobin", "Sentences", "Sts"]
