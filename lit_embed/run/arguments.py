"""Options of the commands that are not LightningCLI's, with mistakes in one line."""

import argparse

from lit_embed.errors import UserError


def one_line_parser(command: str, docstring: str) -> argparse.ArgumentParser:
    """A parser whose help is the command's docstring, and whose mistakes are UserErrors."""
    return _Parser(prog=f"lit-embed {command}", description=docstring, allow_abbrev=False,
                   formatter_class=argparse.RawDescriptionHelpFormatter)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:
        raise UserError(f"{message}; {self.prog} --help lists the options")
