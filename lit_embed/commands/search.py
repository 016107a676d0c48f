"""`lit-embed search`: the documents of a run that answer a question, by the model the run left.

    lit-embed search quickstart "keep only the rows whose index is missing"
    lit-embed search checkpoints/quickstart "solve a linear system" --k 3 --json
"""

import argparse
import json
import sys
from pathlib import Path

import jsonargparse
import pytorch_lightning as pl
import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lit_embed.commands.encode import open_encoder
from lit_embed.errors import UserError
from lit_embed.models import TextEncoder
from lit_embed.run.arguments import one_line_parser
from lit_embed.run.run_folder import CONFIG, INDEX, MODEL
from lit_embed.run.messages import quiet
from lit_embed.search import Index, distinct
from lit_embed.search.fingerprint import fingerprint


def run(arguments: list[str]) -> None:
    """arguments: "search" and its options, as typed."""
    options = parser().parse_args(arguments[1:])
    if options.k < 1:
        raise UserError(f"--k {options.k}: ask for one result at least")
    quiet()
    folder = find_run(options.run, options.checkpoints)
    encoder = open_encoder(folder / MODEL)
    index = open_index(folder, encoder)
    scores, places = index.search(encoder.encode([options.query], "query"), options.k)                     # (1, K) each
    found = [(float(score), index.text(place)) for score, place in zip(scores[0], places[0])]
    if options.json:
        print(json.dumps([{"score": score, "text": text} for score, text in found], ensure_ascii=False))
    else:
        show(options.query, found, len(index))


def parser() -> argparse.ArgumentParser:
    made = one_line_parser("search", __doc__)
    made.add_argument("run", help="name of a run, or its folder")
    made.add_argument("query", help="what to look for, in plain words")
    made.add_argument("--k", type=int, default=10, help="how many results (default 10)")
    made.add_argument("--json", action="store_true", help="a list of {score, text} instead of a table")
    made.add_argument("--checkpoints", default="checkpoints", help="folder that holds the run folders")
    return made


def find_run(name: str, root: str) -> Path:
    """The folder of a finished run.

    Raises
        UserError   there is none of this name (with those there are), or it is not finished
    """
    folder = next((each for each in (Path(name), Path(root, name)) if each.is_dir()), None)
    if folder is None:
        runs = sorted(each.parent.name for each in Path(root).glob(f"*/{MODEL}"))
        raise UserError(f"no run {name!r}: " + (f"{root} holds {', '.join(runs)}" if runs else f"{root} holds no finished run"))
    if not (folder / MODEL).is_dir():
        raise UserError(f"{folder} holds no model: a run leaves one when training ends")
    return folder


def open_index(folder: Path, encoder: TextEncoder) -> Index:
    """The run's index; built from the data of its config, and kept, if the run left none."""
    if (folder / INDEX).is_dir():
        index = Index.open(folder / INDEX)
        if index.model in ("", fingerprint(encoder)):
            return index
        print(f"the index in {folder} was made by another model", file=sys.stderr)
    texts = documents_of(folder)
    print(f"building the index of {len(texts)} documents, once", file=sys.stderr)
    index = Index.build(encoder.encode(texts, "document", progress=True), texts, fingerprint(encoder))
    index.save(folder / INDEX)
    return index


def documents_of(folder: Path) -> list[str]:
    """Each distinct document of the training and validation rows the run's config names."""
    if not (folder / CONFIG).is_file():
        raise UserError(f"{folder} holds neither an index nor a {CONFIG} that says which documents to search")
    config = yaml.safe_load((folder / CONFIG).read_text(encoding="utf8"))
    reader = jsonargparse.ArgumentParser(exit_on_error=False)
    reader.add_subclass_arguments(pl.LightningDataModule, "data")
    data = reader.instantiate_classes(reader.parse_object({"data": config["data"]})).data
    return distinct([text for split in ("train", "validation") for text in data.rows(split).documents[0]])[0]


def show(query: str, found: list[tuple[float, str]], total: int) -> None:
    table = Table(title=Text(f"{query}  ({total} documents)"), title_justify="left", box=None, pad_edge=False)
    table.add_column("", justify="right")
    table.add_column("cosine", justify="right")
    table.add_column("document", overflow="fold")
    for place, (score, text) in enumerate(found, 1):
        table.add_row(str(place), f"{score:.3f}", Text(text))                # Text: brackets in it are no markup
    Console(width=None if sys.stdout.isatty() else 160).print(table)
