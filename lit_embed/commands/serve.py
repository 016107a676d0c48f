"""`lit-embed serve`: a model over HTTP: embeddings in OpenAI's shape, re-ranking, search, and a page to try them.

    lit-embed serve checkpoints/quickstart --port 8000
    lit-embed serve checkpoints/mine/model --index index --cross-encoder checkpoints/reranker/model --base BASE_MODEL

    POST /v1/embeddings   {"input": ["a text"], "input_type": "query"}       also encoding_format, dimensions
    POST /rerank          {"query": "a text", "documents": ["another"]}      with --cross-encoder; also top_n, return_documents
    POST /search          {"query": "a text", "k": 10, "mode": "hybrid"}     with an index; also rerank, retrieve, model
    GET  /                the page; also /v1/models, /health, /metrics (Prometheus)

Requests that come at the same time go through the model together, each with the answer that it would get alone. Only this
machine is let in, unless --host says otherwise: then set LIT_EMBED_TOKEN, which clients send as `Authorization: Bearer`.
SIGTERM and Ctrl-C let begun requests finish.
"""

import argparse
import os
import sys
from pathlib import Path

from lit_embed.commands.open_model import open_encoder, open_scorer
from lit_embed.commands.serve_options import TOKEN, guard_of, is_loopback, limits_of, parser
from lit_embed.errors import UserError
from lit_embed.run.base_index import open_base_index
from lit_embed.run.messages import quiet
from lit_embed.run.run_folder import MODEL
from lit_embed.run.search_folder import SearchFolder, find, open_bm25, open_index
from lit_embed.serving import Corpus, Limits, Served, application
from lit_embed.serving.listening import bind, check_installed, serve, url


def run(arguments: list[str]) -> None:
    """arguments: "serve" and its options, as typed."""
    options = parser(__doc__).parse_args(arguments[1:])
    limits, guard = limits_of(options), guard_of(options, os.environ.get(TOKEN))
    check_installed()
    quiet()
    model, found = folders(options)
    with bind(options.host, options.port) as listening:      # a port that is taken shows before a model is loaded
        served = open_parts(options, model, found, limits)
        if not is_loopback(options.host) and guard.token is None:
            print(f"lit-embed: warning: whoever reaches {url(listening)} is let in: set {TOKEN}", file=sys.stderr)
        serve(application(served, guard), listening, limits, lambda: print(summary(served, url(listening)), flush=True))


def folders(options: argparse.Namespace) -> tuple[Path, SearchFolder | None]:
    """That of the model, and where the index is if there is one.

    Raises
        UserError   no such folder, or an index that names no model
    """
    model, found = Path(options.folder), None
    if not (model / "config.json").is_file() and not (model / "modules.json").is_file():
        found = find(options.folder, options.checkpoints)
        model = found.model
    if model is None:
        raise UserError(f"the index in {found.index} names no model: lit-embed serve MODEL --index {found.index}")
    if options.index:
        found = SearchFolder(find(options.index, options.checkpoints).index, model, None)
    if found is not None and found.run and not found.index.is_dir():
        found = None                                         # a server does not begin with embedding what a run was trained on
    if options.base and found is None:
        raise UserError("--base searches what the model searches, and there is no index: give one with --index FOLDER")
    return model, found


def open_parts(options: argparse.Namespace, model: Path, found: SearchFolder | None, limits: Limits) -> Served:
    """Everything loaded.

    Raises
        UserError   a part is missing, or does not fit another
    """
    encoder, scorer, base, corpus = open_encoder(model, precision=options.precision), None, None, None
    if options.cross_encoder:
        scorer = open_scorer(options.cross_encoder, options.precision)
        if scorer.num_labels != 1:
            raise UserError(f"--cross-encoder {options.cross_encoder} gives {scorer.num_labels} scores a pair: re-ranking needs "
                            "one that was trained with num_labels 1")
        scorer = name_of(options.cross_encoder), scorer
    if found is not None:
        index, vectors = open_index(found, encoder), None
        if options.base:
            base = name_of(options.base), open_encoder(options.base, precision=options.precision)
            vectors = open_base_index(found.index, index, base[1])
        corpus = Corpus(index, open_bm25(found, index.texts), vectors)
    return Served(name_of(model), encoder, corpus, scorer, base, limits)


def name_of(folder: str | Path) -> str:
    """What clients call a model: its folder, or the run that the folder is part of."""
    folder = Path(folder).resolve()
    return folder.parent.name if folder.name == MODEL else folder.name


def summary(served: Served, where: str) -> str:
    """What is at this address, and what is not."""
    lines = [f"{where}/v1/embeddings  {served.model.name}, {served.model.width} numbers a text"]
    lines.append(f"{where}/rerank  {served.scorer.name}" if served.scorer else "no re-ranking: give --cross-encoder FOLDER")
    if served.corpus:
        compared = f", compared with {served.base.name}" if served.base else ""
        lines.append(f"{where}/search  {len(served.corpus.index):,} documents{compared}")
        lines.append(f"{where}/  the page")
    else:
        lines.append("no search: give --index FOLDER, which lit-embed index makes")
    return "\n".join(lines)
