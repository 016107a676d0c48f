"""Pictures from files and bytes, upright and in RGB; one that is missing or broken is named in one line."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from lit_embed.errors import UserError, first_line

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")


def need_pillow() -> None:
    """Raises UserError, with the command to run, where Pillow is not installed."""
    try:
        import PIL.Image  # noqa: F401
    except ImportError as error:
        raise UserError('images need Pillow: pip install "lit-embed[images]"') from error


def open_image(source: "str | Path | bytes | Image", where: str = "") -> "Image":
    """The picture as a camera held it, in RGB. A path, the bytes of a file, or a picture of Pillow's.

    where   what stands before a complaint: the row that named the picture

    Raises
        UserError   no such file, or one that is no picture or only half of one
    """
    need_pillow()
    from PIL import Image, ImageOps

    before = f"{where}: " if where else ""
    try:
        image = source if isinstance(source, Image.Image) else Image.open(io.BytesIO(_content(source)))
        image = ImageOps.exif_transpose(image)
        # A palette that has transparent colours is only understood by way of RGBA.
        return image.convert("RGBA").convert("RGB") if "transparency" in image.info else image.convert("RGB")
    except FileNotFoundError as error:
        raise UserError(f"{before}there is no image {source}") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        named = "the bytes of the image" if isinstance(source, bytes) else f"the image {source}"
        raise UserError(f"{before}{named} cannot be read ({first_line(error)}): mend it, or take its row out") from error


def _content(source: str | Path | bytes) -> bytes:
    # Read whole: of a file that it finds broken, Pillow forgets to close what it opened.
    return source if isinstance(source, bytes) else Path(source).expanduser().read_bytes()
