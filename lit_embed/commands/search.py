"""`lit-embed search`: the documents of a run or an index that answer a question, by meaning, by words, or by both.

    lit-embed search quickstart "keep only the rows whose index is missing"
    lit-embed search checkpoints/quickstart "solve a linear system" --k 3 --json
    lit-embed search INDEX_FOLDER --queries questions.txt --mode hybrid --output found.jsonl
    lit-embed search INDEX_FOLDER "who wrote it" --rerank checkpoints/reranker/model --retrieve 30 --keep 10
"""

import argparse
import json
import sys
from functools import partial
from pathlib import Path

from lit_embed.commands.encode import read_texts
from lit_embed.commands.open_model import add_precision, open_encoder, open_scorer
from lit_embed.errors import UserError
from lit_embed.files import write_beside
from lit_embed.run.arguments import one_line_parser
from lit_embed.run.messages import quiet
from lit_embed.run.results_table import Hit, json_lines, show
from lit_embed.run.search_folder import Documents, SearchFolder, find, open_bm25, open_documents, open_index
from lit_embed.search import (Bm25, Index, Reranker, bm25_search, dense_search, hybrid_search, reciprocal_rank_fusion,
                              weighted_fusion)
from lit_embed.search.fusion import Ranking
from lit_embed.search.terms import spans


def run(arguments: list[str]) -> None:
    """arguments: "search" and its options, as typed."""
    options = parser().parse_args(arguments[1:])
    refuse_contradictions(options)
    quiet()
    queries = read_queries(options)
    found = find(options.folder, options.checkpoints, options.model)
    corpus, bm25, (scores, places) = search(found, queries, options)                           # (Q, K) each
    ids = corpus.ids
    hits = [[Hit(rank, float(score), ids[place], corpus.text(place))
             for rank, (score, place) in enumerate(zip(*row), 1) if place >= 0] for row in zip(scores, places.tolist())]
    if options.output:
        with write_beside(options.output) as beside:
            beside.write_text("".join(line + "\n" for line in json_lines(queries, hits)), encoding="utf8")
        print(f"{len(queries)} queries, {len(corpus)} documents: {options.output}", file=sys.stderr)
    elif options.json and options.queries is None:
        print(json.dumps([{"score": hit.score, "id": hit.id, "text": hit.text} for hit in hits[0]], ensure_ascii=False))
    elif options.json:
        print("\n".join(json_lines(queries, hits)))
    else:
        for query, row in zip(queries, hits):
            words_of = partial(spans, wanted=bm25.telling(query), tokens=bm25.tokens) if bm25 else None
            show(query, row, len(corpus), score_name(options, corpus), words_of)


def parser() -> argparse.ArgumentParser:
    made = one_line_parser("search", __doc__)
    made.add_argument("folder", help="name of a run, its folder, or a folder made by lit-embed index")
    made.add_argument("query", nargs="?", help="what to look for, in plain words")
    made.add_argument("--queries", metavar="FILE", help="instead of one query: one a line, or csv, tsv, json, jsonl, "
                      "parquet; - is standard input")
    made.add_argument("--column", help="column of the queries, for files that have columns")
    made.add_argument("--mode", choices=["dense", "bm25", "hybrid"], default="dense",
                      help="by meaning (default), by shared words, which needs no model, or by both")
    made.add_argument("--k", type=int, help="how many results (default 10)")
    made.add_argument("--fusion", choices=["rrf", "weighted"],
                      help="hybrid: by rank (reciprocal rank fusion, default) or by weighted scores")
    made.add_argument("--weight", type=float, help="weighted: how much meaning counts, 0 to 1; words count the rest "
                      "(default 0.5)")
    made.add_argument("--rerank", metavar="CROSS_ENCODER", help="folder of a cross-encoder that re-orders the best")
    made.add_argument("--retrieve", type=int, help="rerank: how many results it reads (default 30, or --keep if more)")
    made.add_argument("--keep", type=int, help="rerank: how many it leaves; another word for --k")
    made.add_argument("--json", action="store_true", help="a list of {score, id, text}; with --queries a line of "
                      "{query, results} for each")
    made.add_argument("--output", metavar="OUT.jsonl", help="those lines into a file")
    made.add_argument("--model", help="the model of an index, where its folder names none or another place")
    made.add_argument("--checkpoints", default="checkpoints", help="folder that holds the run folders")
    add_precision(made)
    return made


def refuse_contradictions(options: argparse.Namespace) -> None:
    """Fills in --k and --retrieve; raises UserError where options do not go together."""
    for name in ("k", "retrieve", "keep"):
        if (given := getattr(options, name)) is not None and given < 1:
            raise UserError(f"--{name} {given}: ask for one result at least")
    needs = [("keep", "--rerank CROSS_ENCODER", options.rerank), ("retrieve", "--rerank CROSS_ENCODER", options.rerank),
             ("fusion", "--mode hybrid", options.mode == "hybrid"), ("column", "--queries FILE", options.queries),
             ("weight", "--fusion weighted", options.fusion == "weighted")]
    for name, other, there in needs:
        if getattr(options, name) is not None and not there:
            raise UserError(f"--{name} belongs to {other}, which is missing")
    if None not in (options.k, options.keep) and options.k != options.keep:
        raise UserError(f"--k {options.k} and --keep {options.keep}: both say how many results there are; give one")
    options.k = options.keep or options.k or 10
    options.retrieve = options.retrieve or max(30, options.k)
    if options.retrieve < options.k:
        raise UserError(f"--retrieve {options.retrieve} is fewer than the {options.k} results to keep")
    if options.weight is not None and not 0 <= options.weight <= 1:
        raise UserError(f"--weight {options.weight}: it lies between 0 (words only) and 1 (meaning only)")
    if options.output and Path(options.output).suffix != ".jsonl":
        raise UserError(f"--output {options.output}: the name must end in .jsonl")


def read_queries(options: argparse.Namespace) -> list[str]:
    """The one query, or those of the file.

    Raises
        UserError   none or both given, a file without queries, an empty query (with its line or row)
    """
    if (options.query is None) == (options.queries is None):
        raise UserError("give a query, or a file of them with --queries FILE" + (", not both" if options.query else ""))
    queries = [options.query] if options.queries is None else read_texts(options.queries, options.column, "--queries")
    if not queries:
        raise UserError(f"{options.queries} holds no query")
    for number, query in enumerate(queries, 1):
        if not query.strip():
            line = f"{options.queries}, {'row' if options.column else 'line'} {number}: "
            raise UserError(f"{line if options.queries else ''}the query is empty")
    return queries


def search(found: SearchFolder, queries: list[str], options: argparse.Namespace
           ) -> tuple[Index | Documents, Bm25 | None, Ranking]:
    """The corpus, BM25 where words count, and what was found. Only what the mode needs is loaded."""
    many = len(queries) > 1
    score = partial(open_scorer(options.rerank, options.precision).score, progress=many) if options.rerank else None
    if options.mode == "bm25":
        corpus = open_documents(found)
    elif found.model is None:
        raise UserError(f"the index in {found.index} names no model: give it with --model FOLDER")
    else:
        encoder = open_encoder(found.model, precision=options.precision)
        corpus = open_index(found, encoder)
    reranker = Reranker(score, corpus.text, options.retrieve) if score else None
    if options.mode == "dense":
        return corpus, None, dense_search(encoder, corpus, queries, options.k, reranker, progress=many)
    bm25 = open_bm25(found, corpus.texts)
    if options.mode == "bm25":
        return corpus, bm25, bm25_search(bm25, queries, options.k, reranker)
    weight = 0.5 if options.weight is None else options.weight
    ways = {"rrf": reciprocal_rank_fusion, "weighted": partial(weighted_fusion, weights=[weight, 1 - weight])}
    fuse = ways[options.fusion or "rrf"]
    return corpus, bm25, hybrid_search(encoder, corpus, bm25, queries, options.k, fuse, reranker, progress=many)


def score_name(options: argparse.Namespace, corpus: Index | Documents) -> str:
    if options.rerank:
        return "re-ranked"
    return {"dense": getattr(corpus, "similarity", "cosine"), "bm25": "bm25", "hybrid": "fused"}[options.mode]
