"""Find a Python function by describing it: real search data that every machine with Python packages has already.

A row pairs the first sentence of a function's docstring with its name and arguments. Two raw rows:

    sentence   Detect existing (non-missing) values.
    function   pandas.core.frame.DataFrame.notna()
    sentence   Return a (complex) analytic signal corresponding to the Hilbert transform.
    function   scipy.signal._signaltools.hilbert(x, N, axis)
"""

import ast
import gc
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from importlib import metadata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lit_embed.batches import PairRows
from lit_embed.data.notice import notice
from lit_embed.data.pair_data import PairData
from lit_embed.errors import UserError
from lit_embed.files import write_beside

# Libraries whose functions people look for. torch and transformers are left out: fifty megabytes of source, most of
# it the insides of compilers and one folder per architecture, would take longer to read than the training takes.
PACKAGES = ["datasets", "fsspec", "huggingface_hub", "jinja2", "lightning_fabric", "networkx", "numpy", "packaging",
            "pandas", "pyarrow", "pytorch_lightning", "requests", "rich", "scipy", "sympy", "torchmetrics"]
SKIPPED = re.compile(r"(^|/)(tests?|testing|_?vendor(ed)?|conftest\.py|test_[^/]*|[^/]*_test\.py)(/|$)")
ROLE = re.compile(r":[\w:]+:`[~!]?([^`<]*?)(?: <[^`]*>)?`")              # :class:`~torch.Tensor` -> torch.Tensor
SENTENCE = re.compile(r"(.+?(?<!e\.g)(?<!i\.e)(?<!\bcf)(?<!\bvs)(?<!\betc)[.?!])(?=\s|$)")
NOT_PROSE = re.compile(r"[:={}<>|\\@*]|\bTODO\b|\w\(\w")
BOILERPLATE = 8                                # a sentence that more functions than this share describes none of them


@dataclass(eq=False)
class PythonFunctions(PairData):
    """(first sentence of the docstring, module.qualified_name(arguments)) of the functions of installed packages.

    The source is read with `ast`; nothing is imported. One function per sentence, so neither a sentence nor a
    function is on both sides of the split. The first reading takes about ten seconds; then it is a parquet file.
    """

    validation: float = 0.4
    """Share of the functions that is held out."""

    packages: list[str] | None = None
    """Distributions to read; none: about fifteen general libraries, those of them that are installed."""

    def rows(self, split: str) -> PairRows:
        """The pairs of "train" or, for any other name, the held-out ones, in an order drawn from `seed`."""
        table = function_table(self.packages or PACKAGES, self.path, self._folder())
        order = np.random.default_rng(self.seed).permutation(len(table))                     # (N,)
        held_out = round(self.validation * len(table))
        table = table.take(order[held_out:] if split == "train" else order[:held_out])
        return PairRows(table["sentence"].to_pylist(), [table["function"].to_pylist()])

    def _folder(self) -> Path:
        return Path(self.cache or os.environ.get("LIT_EMBED_CACHE") or "~/.cache/lit_embed/tokens").expanduser()


def function_table(packages: list[str], path: str | None, cache: Path) -> pa.Table:
    """All pairs, read once per set of installed versions.

    packages   names of distributions; those that are not installed are passed over
    path       a site-packages folder, or None for those of the running interpreter
    returns    columns `sentence` and `function`, no sentence and no function twice
    raises     UserError  if none of the packages is installed
    """
    installed = {_plain(each.name): each for each in metadata.distributions(**({"path": [path]} if path else {}))}
    chosen = [installed[name] for name in sorted({_plain(name) for name in packages} & installed.keys())]
    versions = [f"{each.name}=={each.version}" for each in chosen]
    # This file is part of the key: a changed filter must not find the old filter's rows.
    key = blake2b("\n".join([*versions, Path(__file__).read_text("utf8")]).encode(), digest_size=8).hexdigest()
    file = cache / f"python_functions_{key}.parquet"
    if not file.exists():
        notice(f"reading the docstrings of {len(chosen)} installed packages, once: about ten seconds")
        pairs = one_function_per_sentence(pair for each in chosen for pair in pairs_of(each))
        if not pairs:
            raise UserError(f"no documented function found in {path or 'this environment'}: none of the packages "
                            f"{', '.join(packages)} is installed there; name others with --data.packages")
        with write_beside(file) as beside:
            pq.write_table(pa.table({"sentence": list(pairs), "function": list(pairs.values())}), beside)
    return pq.read_table(file)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def one_function_per_sentence(pairs: Iterator[tuple[str, str]]) -> dict[str, str]:
    """The shortest name for each sentence; sentences in alphabetical order, boilerplate left out."""
    functions: dict[str, set[str]] = {}
    for sentence, function in pairs:
        functions.setdefault(sentence, set()).add(function)
    return {sentence: min(names, key=lambda name: (len(name), name))
            for sentence, names in sorted(functions.items()) if len(names) <= BOILERPLATE}


def pairs_of(distribution: metadata.Distribution) -> Iterator[tuple[str, str]]:
    """The (sentence, function) pairs of one installed distribution, in the order of its files."""
    gc_was_on = gc.isenabled()
    gc.disable()                 # syntax trees are millions of small objects without cycles: collecting doubles the time
    try:
        for line in sorted((distribution.read_text("RECORD") or "").splitlines()):
            name = line.split(",")[0]
            if name.endswith(".py") and not name.startswith(("..", "/")) and not SKIPPED.search(name):
                module = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
                yield from pairs_in(Path(str(distribution.locate_file(name))), module)
    finally:
        if gc_was_on:
            gc.enable()


def pairs_in(file: Path, module: str) -> Iterator[tuple[str, str]]:
    """The (sentence, function) pairs of one source file; none if Python cannot read it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")           # other people's invalid escapes
            tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    yield from _documented(tree, module)


def _documented(node: ast.AST, prefix: str) -> Iterator[tuple[str, str]]:
    """Public functions and those of public classes; nobody can call what is defined inside a function."""
    for child in node.body:
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and not child.name.startswith("_"):
            sentence = first_sentence(ast.get_docstring(child) or "")
            if sentence:
                yield sentence, f"{prefix}.{child.name}({', '.join(_arguments(child.args))})"
        elif isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            yield from _documented(child, f"{prefix}.{child.name}")


def _arguments(arguments: ast.arguments) -> list[str]:
    positional = [each.arg for each in arguments.posonlyargs + arguments.args if each.arg not in ("self", "cls")]
    star = [f"*{arguments.vararg.arg}"] if arguments.vararg else []
    double_star = [f"**{arguments.kwarg.arg}"] if arguments.kwarg else []
    return positional + star + [each.arg for each in arguments.kwonlyargs] + double_star


def first_sentence(docstring: str) -> str | None:
    """The first sentence without its markup, or None if it is not prose of 4 to 40 words."""
    paragraph = " ".join(docstring.strip().split("\n\n")[0].split())
    match = SENTENCE.match(ROLE.sub(r"\1", paragraph).replace("`", ""))
    if not match or not 4 <= len(match[1].split()) <= 40 or NOT_PROSE.search(match[1]):
        return None
    return match[1] if match[1].isascii() and match[1][0].isalpha() else None
