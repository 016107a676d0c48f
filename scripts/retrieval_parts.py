"""The parts of benchmark_retrieval.py: the same work on both sides, timed in turn, and how far the two agree."""

import argparse
import contextlib
import io
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import numpy as np
import torch
from datasets import Dataset
from sentence_transformers import CrossEncoder, SentenceTransformer
from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator
from sentence_transformers.util import mine_hard_negatives
from side_by_side import SIDES, difference, in_turn, lowest, share_equal, unit

from lit_embed.batches import text_ids
from lit_embed.models import TextEncoder, TextPairScorer
from lit_embed.run.retrieval_figures import evaluate_retrieval
from lit_embed.run.retrieval_systems import by_meaning
from lit_embed.search import Bm25, RetrievalSet, distinct
from lit_embed.search.candidates import ByVectors
from lit_embed.search.mining import mine as mine_negatives
from lit_embed.search.mining import mining_task
from lit_embed.search.negatives import Rules

Pair = tuple[str, str]                              # a question and a passage that answers it
NEGATIVES, SKIPPED, LAST = 5, 10, 100               # mined of each pair, from the ranks 11 to 100
DEPTH = 100                                         # results of each question, as deep as the peer's MAP@100


def encode(data: RetrievalSet, options: argparse.Namespace) -> dict[str, dict]:
    found, exact = {}, None
    for precision in options.precisions:
        encoder, peer = bi_encoders(options)
        encoder.precision = "float32" if precision == "float32" else "bfloat16"
        peer.to(torch.bfloat16 if precision == "bfloat16" else torch.float32)
        device = torch.device(options.device).type

        def theirs() -> np.ndarray:
            with torch.autocast(device, torch.bfloat16, enabled=precision == "autocast"):
                return peer.encode_document(data.passages, batch_size=options.batch)

        timed, *both = in_turn(lambda: encoder.encode(data.passages, "document"), theirs, options.repeats)
        both = [unit(vectors) for vectors in both]                                                 # (N, D) each
        exact = both[0] if precision == "float32" else exact
        timed |= {"texts": len(data.passages), "largest_difference": difference(*both), "lowest_cosine": lowest(*both)}
        if exact is not None and precision != "float32":
            timed["lowest_cosine_to_float32"] = {side: lowest(own, exact) for side, own in zip(SIDES, both)}
        found[f"encode {precision}"] = timed
    return found


def mine(data: RetrievalSet, options: argparse.Namespace) -> dict[str, dict]:
    encoder, peer = bi_encoders(options)
    pairs = [(question, data.passages[place]) for question, own in zip(data.questions, data.relevant) for place in own]
    texts = {"query": data.questions, "document": data.passages}
    known = {role: dict(zip(own, encoder.encode(own, role))) for role, own in texts.items()}

    def look_up(asked: list[str], role: str) -> np.ndarray:
        return np.stack([known[role][text] for text in asked])

    # What mine_hard_negatives asks of a model, without the seconds of encoding.
    ready = SimpleNamespace(device=peer.device, similarity=peer.similarity,
                            similarity_pairwise=peer.similarity_pairwise,
                            encode_query=lambda asked, **settings: look_up(asked, "query"),
                            encode_document=lambda asked, **settings: look_up(asked, "document"))
    found = {}
    for name, vectors_of, model in (("mine", encoder.encode, peer), ("mine without encoding", look_up, ready)):
        timed, ours, theirs = in_turn(partial(mine_ours, pairs, data.passages, vectors_of),
                                      partial(mine_theirs, pairs, data.passages, model, options.batch), options.repeats)
        same = share_equal([ours.get(pair) for pair in pairs], [theirs.get(pair) for pair in pairs])
        found[name] = timed | {"pairs": len(pairs), "mined": dict(zip(SIDES, (len(ours), len(theirs)))),
                               "equal_lists": same}
    return found


def mine_ours(pairs: list[Pair], passages: list[str], vectors_of: Callable) -> dict[Pair, list[str]]:
    asked, answers = [question for question, _ in pairs], [answer for _, answer in pairs]
    passages, _ = distinct(passages)
    task = mining_task(text_ids(asked), text_ids(answers), text_ids(passages))
    questions = [asked[row] for row in np.unique(text_ids(asked), return_index=True)[1]]   # as the task numbers them
    source = ByVectors(*(torch.from_numpy(vectors_of(texts, role))
                         for texts, role in ((questions, "query"), (passages, "document"))))
    mined = mine_negatives(task, source, Rules(NEGATIVES, ranks=(SKIPPED + 1, LAST)))
    return {pair: [passages[place] for place in row] for pair, row in zip(pairs, mined.places.tolist()) if row[-1] >= 0}


def mine_theirs(pairs: list[Pair], passages: list[str], model: object, batch: int) -> dict[Pair, list[str]]:
    rows = Dataset.from_dict({"query": [question for question, _ in pairs], "answer": [answer for _, answer in pairs]})
    with contextlib.redirect_stderr(io.StringIO()):                  # it draws its bars whatever one asks for
        mined = mine_hard_negatives(rows, model, corpus=passages, range_min=SKIPPED, range_max=LAST, batch_size=batch,
                                    num_negatives=NEGATIVES, output_format="n-tuple", verbose=False)
    return {(question, answer): negatives for question, answer, *negatives in zip(*mined.to_dict().values())}


def evaluate(data: RetrievalSet, options: argparse.Namespace) -> dict[str, dict]:
    encoder, peer = bi_encoders(options)
    # Numbers of equal width: the peer puts equal scores in the order of the ids, we in that of the corpus.
    names = [f"{place:09d}" for place in range(len(data.passages))]
    numbers = list(map(str, range(len(data))))
    theirs = Remembering(dict(zip(numbers, data.questions)), dict(zip(names, data.passages)),
                         {number: {names[place] for place in own} for number, own in zip(numbers, data.relevant)},
                         batch_size=options.batch)

    def ours() -> tuple[np.ndarray, dict]:
        places = by_meaning(encoder.encode, data, DEPTH).places                                    # (Q, 100)
        return places, evaluate_retrieval(places, data, ks=(1, 3, 5, 10))

    timed, (places, figures), peers = in_turn(ours, lambda: theirs(peer), options.repeats)
    lists = [[names[place] for place in row[:10]] for row in places.tolist()]
    same = {"hit_rate@1": "accuracy@1", "hit_rate@10": "accuracy@10", "mrr@10": "mrr@10", "ndcg@10": "ndcg@10",
            "recall@10": "recall@10", "map": "map@100"}
    apart = [abs(figures[name] - peers[f"cosine_{other}"]) for name, other in same.items()]
    return {"evaluate": timed | {"questions": len(data), "equal_lists": share_equal(lists, theirs.found),
                                 "largest_difference": max(apart), "figures": {name: figures[name] for name in same}}}


class Remembering(InformationRetrievalEvaluator):
    """Keeps the ten best of each question, so that they can be compared."""

    def compute_metrics(self, found: list[list[dict]]) -> dict:
        self.found = [[hit["corpus_id"] for hit in hits[:10]] for hits in found]
        return super().compute_metrics(found)


def rerank(data: RetrievalSet, options: argparse.Namespace) -> dict[str, dict]:
    scorer = TextPairScorer.from_folder(options.cross_encoder, max_length=options.pair_length).to(options.device)
    peer = CrossEncoder(options.cross_encoder, max_length=options.pair_length, device=options.device)
    questions = data.questions[: options.reranked]
    places = Bm25.build(data.passages).search(questions, options.candidates)[1]                    # (Q, K)
    pairs = [(question, data.passages[place]) for question, row in zip(questions, places.tolist())
             for place in row if place >= 0]
    timed, ours, theirs = in_turn(lambda: scorer.score(pairs), lambda: peer.predict(pairs, batch_size=options.batch),
                                  options.repeats)
    first = np.cumsum([0, *(places >= 0).sum(axis=1)])
    lists = [[np.argsort(-scores[a:b], kind="stable")[:10].tolist() for a, b in zip(first, first[1:])]
             for scores in (ours, theirs)]
    return {"rerank": timed | {"questions": len(questions), "pairs": len(pairs), "equal_lists": share_equal(*lists),
                               "largest_difference": difference(ours, theirs)}}


def bi_encoders(options: argparse.Namespace) -> tuple[TextEncoder, SentenceTransformer]:
    """The same folder twice, with the same length and the same prefixes."""
    changes = {} if options.max_length is None else {"max_length": options.max_length}
    encoder = TextEncoder.from_folder(options.model, **changes).to(options.device)
    prompts = {"query": encoder.query_prefix, "document": encoder.document_prefix}
    peer = SentenceTransformer(options.model, device=options.device, prompts=prompts, local_files_only=True)
    peer.max_seq_length = encoder.max_length
    return encoder, peer


PARTS = {"encode": encode, "mine": mine, "evaluate": evaluate, "rerank": rerank}
