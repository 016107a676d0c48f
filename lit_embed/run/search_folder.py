"""What `lit-embed search` is pointed at: a run, with its model and documents, or an index made by `lit-embed index`."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jsonargparse
import pytorch_lightning as pl
import yaml

from lit_embed.errors import UserError, first_line
from lit_embed.models import TextEncoder
from lit_embed.models.endpoint_name import is_endpoint
from lit_embed.run.run_folder import CONFIG, INDEX, MODEL
from lit_embed.search import Bm25, Index, distinct
from lit_embed.search.bm25 import identity
from lit_embed.search.fingerprint import fingerprint
from lit_embed.search.index_folder import SETTINGS, TEXTS, read_settings

BM25 = "bm25"           # inside the folder of the index


@dataclass(frozen=True)
class SearchFolder:
    """Where the parts are.

    index   folder of vectors and texts; a run may not have it yet
    model   folder of the encoder, or the name of an endpoint; None where nobody said
    run     the run that these belong to, None for an index by itself
    """

    index: Path
    model: Path | str | None
    run: Path | None


@dataclass(frozen=True)
class Documents:
    """N texts and their ids, for a search that needs no vectors."""

    texts: Sequence[str]
    ids: Sequence[str]

    def __len__(self) -> int:
        return len(self.texts)

    def text(self, place: int) -> str:
        return self.texts[place]


def find(name: str, root: str, model: str | None = None) -> SearchFolder:
    """The finished run or the index of this name, looked for as a path and in `root`.

    Raises
        UserError   there is none (with the runs there are), or a run that is not finished
    """
    folder = next((each for each in (Path(name), Path(root, name)) if each.is_dir()), None)
    if folder is None:
        runs = sorted(each.parent.name for each in Path(root).glob(f"*/{MODEL}"))
        holds = f"{root} holds {', '.join(runs)}" if runs else f"{root} holds no finished run"
        raise UserError(f"no run or index {name!r}: {holds}")
    if (folder / SETTINGS).is_file() or (folder / TEXTS).is_file():
        return SearchFolder(folder, _place(model) if model else _model_of(folder), None)
    if not (folder / MODEL).is_dir():
        raise UserError(f"{folder} holds no model: a run leaves one when training ends, and `lit-embed index` makes a "
                        "folder that can be searched by itself")
    if model:
        raise UserError(f"--model {model}: {folder} is a run, which is searched by its own model")
    return SearchFolder(folder / INDEX, folder / MODEL, folder)


def _place(model: str) -> Path | str:
    return model if is_endpoint(model) else Path(model)


def _model_of(index: Path) -> Path | str | None:
    """The folder of the model that an index names; an index inside a run lies beside it."""
    try:
        named = read_settings(index)["model_folder"] if (index / SETTINGS).is_file() else ""
    except (ValueError, OSError) as error:
        raise UserError(f"the search index in {index} cannot be read ({first_line(error)}): build it again") from error
    if is_endpoint(named):
        return named
    places = [Path(named), index / named] if named else []
    return next((each for each in [*places, index.parent / MODEL] if each.is_dir()), Path(named) if named else None)


def open_index(found: SearchFolder, encoder: TextEncoder) -> Index:
    """The index, checked to be of this encoder; that of a run is built from the data of its config where it is not.

    Raises
        UserError   the index by itself is of another model, or cannot be read
    """
    if found.run is None or found.index.is_dir():
        index = Index.open(found.index)
        try:
            index.check_model(fingerprint(encoder), encoder.width)
            return index
        except UserError:
            if found.run is None:
                raise
        print(f"the index in {found.run} was made by another model", file=sys.stderr)
    if hasattr(encoder, "encode_images"):
        raise UserError(f"{found.run} was trained on images: index some with `lit-embed index --model {found.model} --input PHOTOS "
                        "--output INDEX`, and search INDEX")
    texts = _documents_of(found.run)
    print(f"building the index of {len(texts)} documents, once", file=sys.stderr)
    index = Index.build(encoder.encode(texts, "document", progress=True), texts, fingerprint(encoder))
    index.save(found.index)
    return index


def open_documents(found: SearchFolder) -> Documents:
    """The texts without a model: those of the index, or of the run's config where the run has no index."""
    if found.run is None or found.index.is_dir():
        index = Index.open(found.index, device="cpu")    # its vectors are not needed, least of all on a GPU
        return Documents(index.texts, index.ids)
    texts = _documents_of(found.run)
    return Documents(texts, [str(place) for place in range(len(texts))])


def open_bm25(found: SearchFolder, texts: Sequence[str]) -> Bm25:
    """BM25 of these texts: the one kept in the folder of the index if it is theirs, else counted now and kept there."""
    kept = found.index / BM25
    if kept.is_dir():
        try:
            bm25 = Bm25.open(kept)
            if bm25.corpus == identity(texts):
                return bm25
            print(f"the documents in {found.index} have changed", file=sys.stderr)
        except UserError as error:
            print(error, file=sys.stderr)
    print(f"counting the words of {len(texts)} documents, once", file=sys.stderr)
    bm25 = Bm25.build(texts)
    if found.index.is_dir():                             # alone in there, it would look like a broken index
        try:
            bm25.save(kept)
        except UserError as error:                       # an index that many read and few may write to
            print(f"not kept: {error}", file=sys.stderr)
    return bm25


def _documents_of(run: Path) -> list[str]:
    """Each distinct document of the training and validation rows the run's config names."""
    if not (run / CONFIG).is_file():
        raise UserError(f"{run} holds neither an index nor a {CONFIG} that says which documents to search")
    data = data_of(run)
    return distinct([text for split in ("train", "validation") for text in data.rows(split).documents[0]])[0]


def data_of(run: Path) -> pl.LightningDataModule:
    """The data module that the run's config.yaml names; nothing is read yet."""
    config = yaml.safe_load((run / CONFIG).read_text(encoding="utf8"))
    reader = jsonargparse.ArgumentParser(exit_on_error=False)
    reader.add_subclass_arguments(pl.LightningDataModule, "data")
    return reader.instantiate_classes(reader.parse_object({"data": config["data"]})).data
