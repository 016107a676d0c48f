"""Pictures for an index or a file of embeddings: all in a folder, or those that a list names, one path a line."""

from collections.abc import Iterator
from pathlib import Path

from lit_embed.errors import UserError
from lit_embed.models.images import SUFFIXES


class ImageStream:
    """Paths of pictures where PassageStream gives passages: the path is what stands for a picture in an index.

    source   a folder, with all below it, a picture, or a list of paths, which are relative to where the command runs

    Raises
        UserError   a line of the list names no picture
    """

    def __init__(self, source: str):
        self.paths = [str(path) for path in _found(Path(source).expanduser())]

    def blocks(self, size: int) -> Iterator[tuple[None, list[str]]]:
        for start in range(0, len(self.paths), size):
            yield None, self.paths[start:start + size]

    def count(self) -> int:
        return len(self.paths)


def holds_images(source: str) -> bool:
    """Whether this is a picture, a folder of pictures and no data set, or a list whose first line is a picture's path."""
    place = Path(source).expanduser()
    if place.is_dir():
        return any(map(_is_image, place.rglob("*")))
    return place.is_file() and (_is_image(place) or _is_list(place))


def _found(place: Path) -> list[Path]:
    if place.is_dir():
        return sorted(filter(_is_image, place.rglob("*")))
    if _is_image(place):
        return [place]
    lines = [(number, Path(line.strip()).expanduser()) for number, line in enumerate(place.read_text("utf8").splitlines(), 1)
             if line.strip()]
    for number, path in lines:
        if not path.is_file():
            raise UserError(f"{place}, line {number}: there is no image {path}")
    return [path for _, path in lines]


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _is_list(file: Path) -> bool:
    if file.suffix.lower() not in ("", ".txt", ".lst"):
        return False
    with open(file, "rb") as stream:
        first = stream.readline(4_096).decode("utf8", "replace").strip()
    return Path(first).suffix.lower() in SUFFIXES
