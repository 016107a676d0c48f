"""--json: alone or with - it prints, with a name it writes a whole file, and it never takes a text for a name."""

import argparse
import json

import pytest

from lit_embed.commands.json_option import add_json_option, put_json
from lit_embed.errors import UserError


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("texts", nargs="*")
    add_json_option(parser, "everything")
    return parser.parse_args(arguments)


def test_where_the_json_goes():
    assert parsed("a", "b").json is None
    assert parsed("a", "b", "--json").json == parsed("--json", "-", "a", "b").json == "-"
    assert parsed("--json", "x.json", "a", "b").json == "x.json"


def test_a_text_is_not_taken_for_a_file():
    with pytest.raises(UserError, match="--json breakfast: .*--json last"):
        parsed("--json", "breakfast", "lunch")


def test_what_is_put(tmp_path, capsys):
    content = {"문장": [1.5, None]}
    put_json("-", content)
    put_json(str(tmp_path / "new" / "x.json"), content)
    printed = capsys.readouterr().out
    assert "문장" in printed and json.loads(printed) == content
    assert json.loads((tmp_path / "new/x.json").read_text("utf8")) == content
