"""Does an exported model embed as the model it was made of? Both on the same texts, the exported one read by its own reader."""

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jsonargparse
import numpy as np

from lit_embed.errors import UserError, first_line
from lit_embed.metrics import spearman
from lit_embed.models import TextEncoder, TextPairScorer
from lit_embed.models.weights import quietly
from lit_embed.run.run_folder import CONFIG
from lit_embed.run.search_folder import data_of
from lit_embed.search import distinct

Encode = Callable[[list[str], str], np.ndarray]             # N texts, role -> (N, D)
MOST = 200                      # pairs of the run's data
FLOAT = 1e-5                    # of a coordinate of a unit vector, or of a score
INT8_LOWEST, INT8_MEAN = 0.9, 0.95                          # cosine with the float embedding: of the worst text, of all
SENTENCES = (                   # where neither a run nor --texts brings any
    "Where is my card?", "The card was sent two days ago and has not arrived.", "How do I drop a column?", "No.",
    "A man is playing a guitar on a stage.", "Someone plays an instrument in front of people.", "오늘 날씨가 좋네요.",
    "Der Zug nach Wien fährt um sieben Uhr ab.", "La réunion est reportée à jeudi prochain.", "def add(a, b): return a + b",
    "Cells that lack the protein divide more slowly, and mice without the gene live longer than those with two copies of it.",
    "The vote was close: 51.2 % against 48.8 %, with 3,400 ballots still to be counted.", "東京は日本の首都です。",
    "It rained. " * 80, "Water boils at 100 degrees Celsius at sea level, at less on a mountain.")


@dataclass(frozen=True)
class Agreement:
    """How near the exported model's embeddings are to the float ones.

    texts        so many, and where they are from
    difference   the largest of two coordinates of unit vectors
    lowest, mean cosine of a text's two embeddings
    order        Spearman of the cosines of all pairs of texts, before and after
    """

    texts: int
    source: str
    difference: float
    lowest: float
    mean: float
    order: float

    def __str__(self) -> str:
        return (f"{self.texts} texts ({self.source}): coordinates of unit vectors differ by {self.difference:.1e} at most, cosine "
                f"to the original {self.mean:.4f} on average, {self.lowest:.4f} at least, Spearman of the similarities of all "
                f"pairs {self.order:.4f}")

    def refuse(self, int8: bool) -> None:
        """
        Raises
            UserError   not near enough
        """
        if not int8 and not self.difference <= FLOAT:
            raise UserError(f"the exported model is not the same: {self} (allowed: {FLOAT:.0e}); nothing was written")
        if int8 and not (self.lowest >= INT8_LOWEST and self.mean >= INT8_MEAN):
            raise UserError(f"8 bits are too few for this model: {self} (a cosine of {INT8_MEAN} on average and {INT8_LOWEST} "
                            "at least is asked for); nothing was written: export it with --to onnx")


def compare(original: TextEncoder, exported: Encode, texts: list[str], source: str) -> Agreement:
    """Every text bare, and where the model has prefixes as a query and as a document too."""
    roles = ["text", "query", "document"] if original.query_prefix or original.document_prefix else ["text"]
    ours, theirs = (np.concatenate([_unit(encode(texts, role)) for role in roles]) for encode in (original.encode, exported))
    cosines = (ours * theirs).sum(axis=1)                                              # (N,)
    pairs = np.triu_indices(len(texts), 1)
    order = spearman(*((each[:len(texts)] @ each[:len(texts)].T)[pairs] for each in (ours, theirs)))
    return Agreement(len(texts), source, float(np.abs(ours - theirs).max()), float(cosines.min()), float(cosines.mean()), order)


def compare_scores(original: TextPairScorer, exported: Path, pairs: list[tuple[str, str]], source: str) -> str:
    """The scores of the folder in sentence-transformers, or of our own reader where that is not installed.

    Raises
        UserError   they differ
    """
    ours = original.score(pairs)                                                       # (N,) or (N, L)
    if importlib.util.find_spec("sentence_transformers"):
        from sentence_transformers import CrossEncoder

        whole = [(original.query_prefix + first, original.document_prefix + second) for first, second in pairs]
        theirs = CrossEncoder(str(exported), device="cpu").predict(whole, show_progress_bar=False)
    else:
        theirs = TextPairScorer.from_folder(exported).score(pairs)
    difference = float((np.abs(ours - theirs) / np.maximum(1, np.abs(ours))).max())
    if not difference <= FLOAT:
        raise UserError(f"the exported model is not the same: its scores of {len(pairs)} pairs ({source}) differ by "
                        f"{difference:.1e} (allowed: {FLOAT:.0e}); nothing was written")
    return f"{len(pairs)} pairs ({source}): scores differ by {difference:.1e} at most"


def sentence_transformers_reads(folder: Path) -> Encode:
    """The folder in sentence-transformers, or in our own reader where that is not installed."""
    if not importlib.util.find_spec("sentence_transformers"):
        print("sentence-transformers is not installed: the folder is read back by lit_embed itself", file=sys.stderr)
        return TextEncoder.from_folder(folder).encode
    from sentence_transformers import SentenceTransformer

    with quietly():
        model = SentenceTransformer(str(folder), device="cpu")
    by_role = {"text": model.encode, "query": model.encode_query, "document": model.encode_document}
    return lambda texts, role: by_role[role](texts, show_progress_bar=False)


def check_pairs(run: Path | None, given: list[str] | None) -> tuple[list[tuple[str, str]], str]:
    """Pairs of texts to compare on, and where they are from: those given, the run's validation rows, or sentences of our own.

    Raises
        UserError   hardly any text was given
    """
    if given is not None:
        given = [text for text in given if text.strip()]
        if len(given) < 3:
            raise UserError(f"--texts holds {len(given)} texts: three at least are compared")
        return list(zip(given, given[1:] + given[:1])), "given with --texts"
    if run is not None and (run / CONFIG).is_file():
        try:
            rows = data_of(run).rows("validation")
            drawn = np.sort(np.random.default_rng(0).permutation(len(rows))[:MOST])
            return [(rows.queries[i], rows.documents[0][i]) for i in drawn], "validation rows of the run"
        except (UserError, OSError, ValueError, KeyError, jsonargparse.ArgumentError) as error:
            print(f"the data of {run} cannot be read ({first_line(error)}): compared on other sentences", file=sys.stderr)
    return list(zip(SENTENCES, SENTENCES[1:] + SENTENCES[:1])), "built-in sentences"


def check_texts(run: Path | None, given: list[str] | None) -> tuple[list[str], str]:
    """The distinct texts of these pairs."""
    pairs, source = check_pairs(run, given)
    return distinct([text for pair in pairs for text in pair if text.strip()])[0], source


def _unit(vectors: np.ndarray) -> np.ndarray:                                          # (N, D) -> (N, D) float64
    vectors = np.asarray(vectors, dtype=np.float64)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
