"""Options of the small commands: a mistake is a UserError, the help is the docstring."""

import pytest

from lit_embed.errors import UserError
from lit_embed.run.arguments import one_line_parser


def test_a_mistake_is_one_line():
    with pytest.raises(UserError, match="unrecognized arguments: --x; lit-embed encode --help"):
        one_line_parser("encode", "Texts in.").parse_args(["--x"])


def test_help_is_the_docstring():
    assert "Texts in." in one_line_parser("encode", "Texts in.").format_help()
