"""Images with their captions, from a folder with a file of captions, from parquet that holds the pictures, or from the Hub.

    file_name                     caption                                           (captions.csv beside the pictures)
    1000268201_693b08cb0e.jpg     A girl going into a wooden building .
    1000268201_693b08cb0e.jpg     A little girl climbing into a wooden playhouse .

An image is what its file is: rows that name the same file, or hold the same bytes, are one image with several captions.
"""

from pathlib import Path
from typing import Literal

import pyarrow as pa

from lit_embed.batches import CaptionedImages
from lit_embed.data.locate import read_split
from lit_embed.data.notice import notice
from lit_embed.data.sheet import Sheet
from lit_embed.errors import UserError
from lit_embed.models.images import SUFFIXES

IMAGE_COLUMNS = ("image", "file_name")
CAPTION_COLUMNS = ("caption", "captions", "text")
FILES = [f"{name}.{end}" for name in ("captions", "metadata") for end in ("csv", "tsv", "jsonl", "json", "parquet")]


def captions_file(path: str) -> str:
    """The file of captions in a folder of pictures; any other path stays what it is.

    Raises
        UserError   a folder of pictures without one
    """
    folder = Path(path).expanduser()
    found = next((str(folder / name) for name in FILES if (folder / name).is_file()), None)
    if found is None and folder.is_dir() and any(file.suffix.lower() in SUFFIXES for file in folder.iterdir()):
        raise UserError(f"{path} holds pictures and no {FILES[0]} that says what they show, a file_name and a caption a row")
    return found or path


def read_images(path: str, name: str | None, split: str, image: str | None = None, caption: str | None = None,
                on_bad_row: Literal["error", "skip"] = "error") -> CaptionedImages:
    """All images of one split, in the order in which they first appear.

    image     column of file names (beside the file that names them), of contents, or of both as `datasets` writes them
    caption   column of a text each, or of a list of texts each

    Raises
        UserError   nothing to read, no such column, a row without image or caption or whose file is missing, with its place
    """
    sheet = read_split(path, name, split)
    image, caption = _column(sheet, image, IMAGE_COLUMNS, "image"), _column(sheet, caption, CAPTION_COLUMNS, "caption")
    folders = [Path(source).expanduser().parent for source in sheet.sources]
    found: dict[Path | bytes, tuple[str, list[str], str]] = {}
    skipped = 0
    for row, (picture, texts) in enumerate(zip(sheet.column(image).to_pylist(), _captions(sheet, caption), strict=True)):
        shown, content = _picture(picture, folders[sheet.source[row]], row)
        reason = _wrong(content, texts, image, caption)
        if reason and on_bad_row == "error":
            raise UserError(f"{sheet.where(row)}: {reason}; mend the row, or leave such rows out with data.on_bad_row: skip")
        if reason:
            skipped += 1
        else:
            found.setdefault(content, (shown, [], sheet.where(row)))[1].extend(texts)
    if not found:
        raise UserError(f"{sheet.sources[0]}: no row has an image and a caption")
    if skipped:
        notice(f"{sheet.sources[0]}: {skipped} of {len(sheet)} rows left out, their image or caption is missing")
    names, captions, where = zip(*found.values())
    return CaptionedImages(list(found), list(names), [list(dict.fromkeys(own)) for own in captions], list(where))


def _column(sheet: Sheet, given: str | None, usual: tuple[str, ...], what: str) -> str:
    names = sheet.table.column_names
    chosen = given or next((name for name in usual if name in names), None)
    if chosen is None or chosen not in names:
        missing = f"no column '{given}'" if given else f"none of its columns is called {' or '.join(usual)}"
        raise UserError(f"{sheet.sources[0]}: {missing}; name that of the {what}s with data.{what} ({', '.join(map(repr, names))})")
    return chosen


def _captions(sheet: Sheet, column: str) -> list[list[str]]:
    """Of each row the texts that say something."""
    kind = sheet.column(column).type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        rows = sheet.column(column).to_pylist()
    else:
        rows = [[text] for text in sheet.texts(column)]
    return [[text for text in texts or [] if text and not text.isspace()] for texts in rows]


def _picture(value: object, folder: Path, row: int) -> tuple[str, Path | bytes | None]:
    """The name of a picture, and its content or its path; None where a row has none."""
    if isinstance(value, dict):                                # of datasets: contents, or a path, or both
        name, content = value.get("path"), value.get("bytes")
        return (name or str(row), content) if content else _picture(name, folder, row)
    if isinstance(value, bytes):
        return str(row), value or None
    return (value, folder / value) if isinstance(value, str) and value.strip() else (str(row), None)


def _wrong(content: Path | bytes | None, texts: list[str], image: str, caption: str) -> str | None:
    if content is None:
        return f"column '{image}' is empty"
    if isinstance(content, Path) and not content.is_file():
        return f"there is no image {content}"
    return None if texts else f"column '{caption}' is empty"
