"""`lit-embed index`: passages in a file or a data set -> a folder that can be searched.

    lit-embed index --model FOLDER --input passages.txt --output index
    lit-embed index --model FOLDER --input PHOTOS --output index          pictures, found by what they show: CLIP and its kin
    lit-embed index --model FOLDER --input DATASET --name corpus --id-column _id --title-column title --output index
    lit-embed index --output index --model FOLDER --add more.jsonl        passages behind the others
    lit-embed index --output index --remove 17,23                         or a file with an id a line

Killed and started again, it goes on where it was. Kinds: flat and int8 look at every vector (int8 in a quarter of the
memory), binary at the signs of every vector and then at the int8 of the nearest, ivf at the nearest of many lists, ivf-pq
at lists of short codes, hnsw walks a graph. auto takes flat up to 100,000 passages, ivf up to 5 million, ivf-pq beyond.
"""

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np

from lit_embed.commands.index_changes import change
from lit_embed.commands.index_progress import IndexProgress, embedding_by
from lit_embed.commands.open_model import add_precision, open_encoder, place_of, tell_cost
from lit_embed.commands.pictures import embedding_pictures_by, pictures_meant
from lit_embed.data.image_stream import ImageStream
from lit_embed.data.passage_stream import PassageStream
from lit_embed.errors import UserError
from lit_embed.models import TextEncoder
from lit_embed.run.arguments import one_line_parser
from lit_embed.run.messages import quiet
from lit_embed.search.build_index import Encode, Plan, build_index
from lit_embed.search.encoded_shards import EncodedPassages, read_settings
from lit_embed.search.fingerprint import fingerprint
from lit_embed.search.index import Index
from lit_embed.search.index_folder import SETTINGS
from lit_embed.search.kinds import KINDS, METRICS, parameters


def run(arguments: list[str]) -> None:
    """arguments: "index" and its options, as typed."""
    options = parser().parse_args(arguments[1:])
    quiet()
    changes = [name for name in ("add", "remove", "effort") if getattr(options, name) is not None]
    if options.input is None and not changes:
        raise UserError("give passages to index (--input), to add (--add) or ids to remove (--remove)")
    if options.input is None:
        change(options)
    elif options.add or options.remove:
        raise UserError("--input builds the index anew, --add and --remove change one that is there: not both at once")
    else:
        build(options)


def parser() -> argparse.ArgumentParser:
    made = one_line_parser("index", __doc__)
    made.add_argument("--output", required=True, help="folder of the index")
    made.add_argument("--model", help="folder of the model: <run>/model, or one of sentence-transformers")
    made.add_argument("--input", help="a text a line, or csv, tsv, json, jsonl, parquet, a data-set folder or a Hub id; or a folder that "
                                        "lit-embed encode wrote")
    made.add_argument("--name", help="configuration of the data set, as in datasets.load_dataset")
    made.add_argument("--split", help="which of its splits (default: the only one, or train)")
    made.add_argument("--column", help="column of the texts (default: text, or the only one)")
    made.add_argument("--title-column", help="column put before the text, with a space between")
    made.add_argument("--id-column", help="column of the ids (default: row numbers, from 0)")
    made.add_argument("--on-bad-row", choices=["error", "skip"], default="error", help="for a row without text or id")
    made.add_argument("--kind", choices=["auto", *KINDS], default="auto", help="kind of index (default auto: by size)")
    made.add_argument("--similarity", choices=list(METRICS), default="cosine", help="of vectors (default cosine)")
    made.add_argument("--effort", type=int, help="how hard a search looks: lists of ivf and ivf-pq, candidates of hnsw, "
                      "candidates for each result of binary")
    made.add_argument("--role", choices=["text", "query", "document"], default="document",
                      help="whose prefix goes before each text (default document)")
    made.add_argument("--queries", metavar="FILE", help="real questions to measure recall with, read as --input is")
    made.add_argument("--block", type=int, default=10_000, help="passages in memory at a time (default 10,000)")
    made.add_argument("--batch_tokens", type=int, help="tokens in one pass (default: what suits the device)")
    made.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto",
                      help="where FAISS works; a GPU takes the extra faiss-gpu")
    made.add_argument("--add", metavar="FILE", help="passages to add to the index in --output, read as --input is")
    made.add_argument("--remove", metavar="IDS", help="ids to remove, with commas between, or a file with one a line")
    add_precision(made)
    return made


def build(options: argparse.Namespace) -> None:
    """A new index, in place of one that was there."""
    if options.model is None:
        raise UserError("--model is missing: the folder of the model that embeds the passages")
    if options.block < 1:
        raise UserError(f"--block {options.block}: one passage at least")
    output = Path(options.output)
    if output.exists() and not (output / SETTINGS).is_file() and not (output.is_dir() and not any(output.iterdir())):
        raise UserError(f"--output {output} is there and is no index: choose another name, nothing is overwritten")
    started = time.perf_counter()
    encoded = EncodedPassages(options.input) if read_settings(options.input) is not None else None
    pictures = not encoded and pictures_meant(options)
    stream = ImageStream(options.input) if pictures else PassageStream(
        options.input, options.name, options.split, options.column, options.title_column, options.id_column, options.on_bad_row)
    total = (encoded or stream).count()                      # a mistake in --input shows before a model is loaded
    encoder = open_encoder(options.model, precision=options.precision)
    plan = Plan(fingerprint(encoder), place_of(options.model), options.role, options.precision,
                options.kind, options.similarity, options.effort, options.device)
    plan.check()
    if encoded:
        check_encoded(encoded, options, plan)
    questions = read_questions(options, encoder)
    with IndexProgress(total) as progress:
        if encoded:
            blocks, encode = encoded.blocks(), encoded_by(encoded, progress)
        elif pictures:
            blocks, encode = stream.blocks(options.block), embedding_pictures_by(encoder, progress.embedded)
        else:
            blocks, encode = stream.blocks(options.block), embedding_by(encoder, options.role, options.batch_tokens, progress.embedded)
        recall = build_index(blocks, encode, output, plan, questions, progress.told)
    tell_cost(encoder)
    report(output, recall, questions, time.perf_counter() - started)


def encoded_by(encoded: EncodedPassages, progress: IndexProgress) -> Encode:
    def encode(texts: list[str]) -> np.ndarray:
        progress.embedded(len(texts))
        return encoded.encode(texts)
    return encode


def check_encoded(encoded: EncodedPassages, options: argparse.Namespace, plan: Plan) -> None:
    """Raises UserError if the passages were encoded by another model, or as something else than this index says."""
    if encoded.settings["model"] != plan.model:
        raise UserError(f"--input {options.input} was encoded by another model than --model {options.model}")
    for name, value in (("role", plan.role), ("precision", plan.embedding)):
        if encoded.settings[name] != value:
            raise UserError(f"--input {options.input} was encoded with {name} {encoded.settings[name]}: add --{name} {encoded.settings[name]}")
    for name in ("name", "split", "column", "title_column", "id_column"):
        if getattr(options, name) is not None:
            raise UserError(f"--{name.replace('_', '-')}: {options.input} holds encoded passages, which have their ids and texts already")


def read_questions(options: argparse.Namespace, encoder: TextEncoder) -> np.ndarray | None:
    """Embeddings of the questions that recall is measured with, if any are given.  -> (Q, D)"""
    if options.queries is None:
        return None
    questions = [text for _, texts in PassageStream(options.queries).blocks(1_000) for text in texts]
    return encoder.encode(questions, "query", options.batch_tokens)


def report(output: Path, recall: float, questions: np.ndarray | None, seconds: float) -> None:
    """What was built and what it took, on standard output."""
    index = Index.open(output, "cpu")
    size = sum(file.stat().st_size for file in output.iterdir())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    chosen = ", ".join(f"{name} {value}" for name, value in parameters(index.vectors.index, index.kind).items())
    print(f"{output}: {len(index):,} passages, {index.vectors.width} numbers each, {index.similarity}; "
          f"kind {index.kind}{f' ({chosen})' if chosen else ''}")
    print(f"{size / 1e6:,.1f} MB on disk, {seconds:,.0f} s, {peak / 1e6:,.0f} MB of memory at most")
    if index.kind == "flat":
        print("exact: recall 1")
        return
    asked = f"over {len(questions):,} questions" if questions is not None else "with passages for questions"
    harder = f"; --output {output} --effort {2 * index.effort} looks harder" if index.effort else ""
    print(f"recall@10 {recall:.3f} of what flat finds, {asked}{harder}")
