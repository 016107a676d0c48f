"""`lit-embed evaluate`: does the search find what it should? Questions with known answers, BM25 as the floor.

    lit-embed evaluate --model checkpoints/mine/model --data scifact
    lit-embed evaluate --model checkpoints/mine/model --base e5-small-ko --cross-encoder checkpoints/reranker/model \\
        --data klue/klue --name mrc --questions 1000 --json result.json --plot result.png
    lit-embed evaluate --model FOLDER --data pairs.parquet --query Q --document answer --k 1 3 10
    lit-embed evaluate --model FOLDER --base openai:text-embedding-3-small --data scifact      (key in OPENAI_API_KEY)

The data are corpus, queries and qrels as in BEIR (parquet, jsonl, tsv; a folder or a Hub data set), or rows of a
question and the passage that answers it. Systems: bm25, base (--base), dense (--model), hybrid (both ranked into one
list), and with --cross-encoder any of them re-ranked: dense+rerank, hybrid+rerank ...
"""

import argparse
import json
from functools import partial

from lit_embed.commands.evaluation_options import KS, chosen_systems, needs, parser, refuse_mistakes
from lit_embed.commands.evaluation_plot import plot
from lit_embed.commands.evaluation_table import show
from lit_embed.commands.open_model import open_encoder, open_scorer
from lit_embed.data.notice import notice
from lit_embed.data.read_retrieval_set import read_retrieval_set
from lit_embed.errors import UserError
from lit_embed.files import write_beside
from lit_embed.models.endpoint_name import is_endpoint
from lit_embed.run.messages import quiet
from lit_embed.run.retrieval_figures import DEEP, report
from lit_embed.run.retrieval_systems import RERANK, run_systems
from lit_embed.search import RetrievalSet

def run(arguments: list[str]) -> None:
    """arguments: "evaluate" and its options, as typed."""
    options = parser(__doc__).parse_args(arguments[1:])
    refuse_mistakes(options)
    systems = chosen_systems(options)
    quiet()
    asked = read_retrieval_set(options.data, options.split, options.query, options.document, options.questions,
                               options.seed, options.name, options.corpus, options.on_bad_row)
    ks = chosen_ks(options, len(asked.passages))
    models = {"base": options.base, "dense": options.model}
    needed = [name for name in models if any(needs(system, name) for system in systems)]
    opened = {name: open_encoder(models[name], options.max_length, options.precision) for name in needed}
    encoders = {name: partial(encoder.encode, progress=True) for name, encoder in opened.items()}
    rerank = any(name.endswith(RERANK) for name in systems)
    score = open_reranker(options.cross_encoder, options.precision) if rerank else None
    retrieve = candidates(options, asked)
    depth = min(max(*ks, retrieve, DEEP), len(asked.passages))
    found = run_systems(systems, asked, encoders, score, depth, retrieve, options.keep, options.similarity)
    folders = {name: models[name] for name in needed} | ({"rerank": options.cross_encoder} if score else {})
    result = report(found, asked, ks, options.bootstrap, options.seed) | {
        "data": options.data, "models": folders, "retrieve": retrieve, "keep": options.keep, "k": list(ks),
        "resamples": options.bootstrap, "seed": options.seed, "precision": options.precision,
        "endpoints": {name: encoder.spending() for name, encoder in opened.items() if is_endpoint(models[name])}}
    finish(result, options)


def chosen_ks(options: argparse.Namespace, passages: int) -> tuple[int, ...]:
    ks = tuple(sorted(set(options.k or KS)))
    if options.k and ks[-1] > passages:
        raise UserError(f"--k {ks[-1]}: the corpus of {options.data} has {passages} passages only")
    if ks[-1] > passages:
        notice(f"{options.data}: the corpus has {passages} passages, figures at {ks[-1]} are those at {passages}")
    return ks


def candidates(options: argparse.Namespace, asked: RetrievalSet) -> int:
    if options.cross_encoder and options.retrieve > len(asked.passages):
        notice(f"--retrieve {options.retrieve}: the corpus has {len(asked.passages)} passages, all are re-ranked")
    return min(options.retrieve, len(asked.passages))


def open_reranker(folder: str, precision: str):
    scorer = open_scorer(folder, precision)
    if scorer.num_labels != 1:
        raise UserError(f"the cross-encoder in {folder} has {scorer.num_labels} classes: re-ranking needs one score")
    return partial(scorer.score, progress=True)


def finish(result: dict, options: argparse.Namespace) -> None:
    show(result)
    if options.json:
        with write_beside(options.json) as beside:
            beside.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf8")
    if options.plot:
        plot(options.plot, result)
