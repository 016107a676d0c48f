"""The option --json of the small commands: standard output, or a file that appears whole."""

import argparse
import json

from lit_embed.errors import UserError
from lit_embed.files import write_beside

STANDARD_OUTPUT = "-"


def add_json_option(parser: argparse.ArgumentParser, what: str) -> None:
    """--json alone or `--json -`: standard output, and no table; --json OUT.json: a file beside the table."""
    parser.add_argument("--json", type=_out, nargs="?", const=STANDARD_OUTPUT, metavar="OUT.json",
                        help=f"{what}; without a file, or with -, on standard output instead of the table")


def _out(name: str) -> str:
    # `--json first second` would otherwise write a file called `first` and lose a text.
    if name != STANDARD_OUTPUT and not name.endswith(".json"):
        raise UserError(f"--json {name}: give a name that ends in .json, or - for standard output, or put --json last")
    return name


def put_json(out: str, content: dict) -> None:
    text = json.dumps(content, ensure_ascii=False)
    if out == STANDARD_OUTPUT:
        print(text)
        return
    with write_beside(out) as beside:
        beside.write_text(text + "\n", encoding="utf8")
