"""Docstrings as data: what counts as a sentence, what is left out, and that nothing is on both sides of the split."""

import pytest

from lit_embed.data import PythonFunctions
from lit_embed.data.python_functions import first_sentence, one_function_per_sentence, pairs_in
from lit_embed.errors import UserError

SOURCE = '''
def keep(rows, *more, key=None, **rest):
    """Keep only the rows that have a key.

    More words.
    """

def _hidden():
    """This one is not public at all."""

class Table:
    def sort(self, by, /, *, ascending=True):
        """Sort the rows by one of
        the columns. Then return them."""
        def inside():
            """Nobody can call this from outside."""

    async def load(cls, path):
        """Load a :class:`~tables.Table` from ``path``."""

class _Private:
    def work(self):
        """Do the work that is private."""
'''


def test_public_functions_with_their_arguments(tmp_path):
    (tmp_path / "tables.py").write_text(SOURCE)
    assert list(pairs_in(tmp_path / "tables.py", "shop.tables")) == [
        ("Keep only the rows that have a key.", "shop.tables.keep(rows, *more, key, **rest)"),
        ("Sort the rows by one of the columns.", "shop.tables.Table.sort(by, ascending)"),
        ("Load a tables.Table from path.", "shop.tables.Table.load(path)")]


@pytest.mark.parametrize(("docstring", "sentence"), [
    ("Return the sum, e.g. of two numbers. More.", "Return the sum, e.g. of two numbers."),
    ("Compute the `norm` of a vector\n    and return it.", "Compute the norm of a vector and return it."),
    ("Too short.", None),
    ("No full stop at the end of it", None),
    ("See https://example.org for what this does.", None),
    ("Args: x and y and some more.", None),
    ("행렬의 고윳값을 계산하고 돌려준다.", None),
    ("", None)])
def test_a_sentence_is_prose(docstring, sentence):
    assert first_sentence(docstring) == sentence


def test_source_that_python_cannot_read_is_passed_over(tmp_path):
    (tmp_path / "broken.py").write_text("def f(:")
    assert list(pairs_in(tmp_path / "broken.py", "broken")) == []
    assert list(pairs_in(tmp_path / "missing.py", "missing")) == []


def test_one_function_for_each_sentence_and_no_boilerplate():
    pairs = [("Say it.", "a.long.name()"), ("Say it.", "a.name()"), *[("Run.", f"a.f{i}()") for i in range(9)]]
    assert one_function_per_sentence(iter(pairs)) == {"Say it.": "a.name()"}


@pytest.fixture
def installed(tmp_path):
    """A site-packages folder with two installed packages of thirty functions, their tests and a broken file."""
    for package in ("shop", "other"):
        functions = "".join(f'def {package}_{i}(x):\n    """Return the {package} number {i} of x."""\n' for i in range(30))
        files = {f"{package}/__init__.py": functions, f"{package}/tests/test_it.py": functions, f"{package}/broken.py": "def"}
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        about = tmp_path / f"{package}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (about / "RECORD").write_text("".join(f"{name},,\n" for name in files))
    return tmp_path


def test_no_sentence_and_no_function_on_both_sides(installed, tmp_path):
    data = PythonFunctions(path=str(installed), packages=["shop", "other"], cache=str(tmp_path / "cache"), validation=0.4)
    train, held_out = data.rows("train"), data.rows("validation")
    assert len(train) == 36 and len(held_out) == 24
    assert not set(train.queries) & set(held_out.queries) and not set(train.documents[0]) & set(held_out.documents[0])
    assert len(set(train.queries)) == 36 and len(set(train.documents[0])) == 36


def test_the_split_depends_on_nothing_but_the_packages_and_the_seed(installed, tmp_path):
    def read(cache, **fields):
        return PythonFunctions(path=str(installed), packages=["other", "shop"], cache=str(cache), **fields).rows("train")

    first = read(tmp_path / "one")
    assert read(tmp_path / "one") == first == read(tmp_path / "two")       # from the file, and read anew
    assert read(tmp_path / "one", seed=1).queries != first.queries
    assert len(list((tmp_path / "one").iterdir())) == 1


def test_another_version_is_read_anew(installed, tmp_path):
    data = PythonFunctions(path=str(installed), packages=["shop"], cache=str(tmp_path / "cache"), validation=0.5)
    assert len(data.rows("train")) == 15
    about = installed / "shop-1.0.dist-info/METADATA"
    about.write_text(about.read_text().replace("1.0", "1.1"))
    (installed / "shop/__init__.py").write_text('def only(x):\n    """Return the only thing there is."""\n')
    assert data.rows("validation").documents[0] == [] and data.rows("train").documents[0] == ["shop.only(x)"]


def test_no_package_is_said_with_what_to_do(installed, tmp_path):
    data = PythonFunctions(path=str(installed), packages=["absent"], cache=str(tmp_path / "cache"))
    with pytest.raises(UserError, match="absent.*--data.packages"):
        data.rows("train")


def test_this_environment_has_thousands(tmp_path):
    data = PythonFunctions(packages=["networkx", "packaging"], cache=str(tmp_path))
    train = data.rows("train")
    assert len(train) > 300 and "networkx.classes.graph.Graph.has_edge(u, v)" in (
        train.documents[0] + data.rows("validation").documents[0])
