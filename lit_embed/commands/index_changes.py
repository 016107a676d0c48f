"""`lit-embed index --add` and `--remove`: an index that is there gets other passages, whole or not at all."""

import argparse
import os
import sys
from pathlib import Path

from lit_embed.commands.index_progress import IndexProgress, embedding_by
from lit_embed.commands.open_model import open_encoder, tell_cost
from lit_embed.data.passage_stream import PassageStream
from lit_embed.data.stream_file import has_columns
from lit_embed.errors import UserError
from lit_embed.search.fingerprint import fingerprint
from lit_embed.search.index import Index
from lit_embed.search.kinds import worn


def change(options: argparse.Namespace) -> None:
    """Remove, then add, then save; so that a passage is replaced by removing and adding its id."""
    index = Index.open(options.output, "cpu")
    before = len(index)
    if options.remove is not None:
        index.remove(read_ids(options.remove, options.id_column))
    removed = before - len(index)
    if options.add is not None:
        add(index, options)
    if options.effort is not None:
        index.effort = options.effort
    index.save(options.output)
    print(f"{options.output}: {len(index):,} passages ({removed:,} removed, {len(index) - before + removed:,} added)"
          + (f", effort {index.effort}" if index.effort else ""))
    if reason := worn(index.vectors.index, index.kind, len(index.vectors.removed)):
        print(f"building the index again would pay: {reason}", file=sys.stderr)


def read_ids(given: str, column: str | None = None) -> list[str]:
    """Ids with commas between, or those of a file: one a line, or in a column.

    Raises
        UserError   there are none
    """
    if os.path.isfile(given):
        stream = PassageStream(given, column=column if has_columns(Path(given)) else None, on_bad_row="skip")
        return [text.strip() for _, texts in stream.blocks(1_000) for text in texts]
    ids = [each.strip() for each in given.split(",") if each.strip()]
    if not ids:
        raise UserError("--remove: no id is named")
    return ids


def add(index: Index, options: argparse.Namespace) -> None:
    """The passages of a file behind the others; they are all in memory, as the index is."""
    if options.model is None:
        raise UserError("--model is missing: the folder of the model that made the index"
                        + (f", {index.model_folder}" if index.model_folder else ""))
    stream = PassageStream(options.add, options.name, options.split, options.column, options.title_column,
                           options.id_column, options.on_bad_row)
    blocks = list(stream.blocks(options.block))
    texts = [text for _, part in blocks for text in part]
    ids = None if options.id_column is None else [each for part, _ in blocks for each in part]
    if ids is not None:
        index.passages.check_new(ids)                        # before they are embedded, not after
    encoder = open_encoder(options.model, precision=options.precision)
    index.check_model(fingerprint(encoder), encoder.width)
    with IndexProgress(len(texts)) as progress:
        embeddings = embedding_by(encoder, index.role, options.batch_tokens, progress.embedded)(texts)
    tell_cost(encoder)
    index.add(embeddings, texts, ids)
