"""What other libraries say, cut to fit in our line."""

from lit_embed.errors import first_line


def test_the_first_line_without_its_full_stop_or_the_name_of_the_error():
    assert first_line(OSError("no such model.\nTry another.")) == "no such model"
    assert first_line(ValueError()) == "ValueError"
    assert first_line(ImportError("\n It needs a package.\n")) == "It needs a package"
