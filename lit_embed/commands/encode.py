"""`lit-embed encode`: texts in a file or on standard input -> their embeddings in one file, in the same order.

    lit-embed encode --model checkpoints/quickstart/model --input texts.txt --output embeddings.npy
    cut -f2 table.tsv | lit-embed encode --model FOLDER --input - --output embeddings.parquet --role document
    lit-embed encode --model FOLDER --input PHOTOS --output embeddings.parquet      a folder of pictures, or a list of paths

A folder for output: a corpus larger than memory, as parquet files that `lit-embed index --input FOLDER` reads. Started by
torchrun or srun, all processes share the work, each on its own GPU; killed and started again, it goes on file by file.

    torchrun --nproc-per-node 8 --no-python lit-embed encode --model FOLDER --input corpus.parquet --output encoded
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lit_embed.commands.encode_shards import Place, encode_shards
from lit_embed.commands.open_model import add_precision, open_encoder, tell_cost
from lit_embed.commands.pictures import pictures_meant
from lit_embed.data.image_stream import ImageStream
from lit_embed.data.passage_stream import PassageStream
from lit_embed.data.read_file import READERS, read_file
from lit_embed.errors import UserError
from lit_embed.files import write_beside
from lit_embed.run.arguments import one_line_parser
from lit_embed.run.messages import quiet


def run(arguments: list[str]) -> None:
    """arguments: "encode" and its options, as typed."""
    options = parser().parse_args(arguments[1:])
    output, place = Path(options.output), Place.here()
    if output.suffix and output.suffix not in WRITERS:                   # before an hour of encoding, not after it
        raise UserError(f"--output {output}: the name must end in {' or '.join(WRITERS)}, or be that of a folder, without an end")
    quiet()
    if not output.suffix:
        return to_folder(options, place)
    if place.world > 1:
        raise UserError(f"--output {output}: {place.world} processes cannot write one file; give a folder")
    for name in ("name", "split", "title_column", "id_column"):
        if getattr(options, name) is not None:
            raise UserError(f"--{name.replace('_', '-')} is for a folder of output; {output} is one file")
    pictures = pictures_meant(options)
    texts = ImageStream(options.input).paths if pictures else read_texts(options.input, options.column)
    encoder = open_encoder(options.model, precision=options.precision)
    if pictures:
        embeddings = encoder.encode_images(texts, progress=True)                      # (N, D)
    else:
        embeddings = encoder.encode(texts, options.role or "text", options.batch_tokens, progress=True)      # (N, D)
    with write_beside(output) as beside:
        WRITERS[output.suffix](beside, texts, embeddings)
    print(f"{len(texts)} {'images' if pictures else 'texts'}, {embeddings.shape[1]} numbers each: {output}", file=sys.stderr)


def to_folder(options: argparse.Namespace, place: Place) -> None:
    """The share of this process in a folder of parquet files."""
    if options.input == "-":
        raise UserError("--input -: standard input goes into one file, name it X.npy or X.parquet")
    if options.shard < 1:
        raise UserError(f"--shard {options.shard}: one passage at least")
    if pictures_meant(options):
        raise UserError(f"--output {options.output}: embeddings of images go into one file, name it X.npy or X.parquet")
    stream = PassageStream(options.input, options.name, options.split, options.column, options.title_column,
                           options.id_column, options.on_bad_row)
    stream.count()                                           # a mistake in --input shows before a model is loaded
    encoder = open_encoder(options.model, precision=options.precision, device=place.device())
    encode_shards(options, encoder, stream, place)
    tell_cost(encoder)


def parser() -> argparse.ArgumentParser:
    made = one_line_parser("encode", __doc__)
    made.add_argument("--model", required=True, help="folder with a model: <run>/model, or one of sentence-transformers")
    made.add_argument("--input", required=True, help="a text a line, or csv, tsv, json, jsonl, parquet; - is standard input; "
                      "or pictures: a folder, or a list of paths, for a model of images and texts")
    made.add_argument("--column", help="column of the texts, for files that have columns")
    made.add_argument("--output", required=True, help="X.npy: float32 (N, D); X.parquet: columns text and embedding; a folder")
    made.add_argument("--role", choices=["text", "query", "document"],
                      help="whose prefix goes before each text (default: none; the document's for a folder of output)")
    made.add_argument("--batch_tokens", type=int, help="tokens in one pass (default: what suits the device)")
    add_precision(made)
    folder = made.add_argument_group("for a folder of output")
    folder.add_argument("--name", help="configuration of a data set, as in datasets.load_dataset; --input may be one, or a Hub id")
    folder.add_argument("--split", help="which of its splits (default: the only one, or train)")
    folder.add_argument("--title-column", help="column put before the text, with a space between")
    folder.add_argument("--id-column", help="column of the ids (default: row numbers, from 0)")
    folder.add_argument("--on-bad-row", choices=["error", "skip"], default="error", help="for a row without text or id")
    folder.add_argument("--shard", type=int, default=50_000, help="passages of a file, as many as are in memory (default 50,000)")
    return made


def read_texts(source: str, column: str | None, option: str = "--input") -> list[str]:
    """The texts of a file, or of standard input: one a line, empty lines included, so that row i is line i.

    Raises
        UserError   no such file or column, undecodable bytes, a row without text
    """
    if source != "-" and Path(source).suffix.lower() in READERS:
        return _column(source, column, option)
    if column is not None:
        raise UserError(f"--column {column}: {source} has no columns; those of {', '.join(READERS)} files have")
    try:
        content = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise UserError(f"{option} {source}: {error.strerror}") from error
    texts = []
    for number, line in enumerate(content.removesuffix(b"\n").split(b"\n") if content else [], 1):
        try:
            texts.append(line.removesuffix(b"\r").decode("utf8"))
        except UnicodeDecodeError as error:
            raise UserError(f"{option} {source}, line {number}: not UTF-8 ({error.reason})") from error
    return texts


def _column(source: str, column: str | None, option: str) -> list[str]:
    table = read_file(Path(source))
    there = f"the columns are {', '.join(table.column_names)}"
    if column is None:
        raise UserError(f"{option} {source}: name the column of the texts with --column; {there}")
    if column not in table.column_names:
        raise UserError(f"--column {column}: {source} has none of this name; {there}")
    texts = table[column].to_pylist()
    for row, text in enumerate(texts, 1):
        if not isinstance(text, str):
            raise UserError(f"{source}, row {row}: column '{column}' holds {text!r}, which is not a text")
    return texts


def _write_npy(file: Path, texts: list[str], embeddings: np.ndarray) -> None:
    with open(file, "wb") as stream:                                     # np.save adds .npy to a name without it
        np.save(stream, embeddings)


def _write_parquet(file: Path, texts: list[str], embeddings: np.ndarray) -> None:
    width = embeddings.shape[1]
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(embeddings.reshape(-1)), width)
    pq.write_table(pa.table({"text": pa.array(texts, pa.large_string()), "embedding": vectors}), file)


WRITERS = {".npy": _write_npy, ".parquet": _write_parquet}
