"""Which systems are compared follows from the models at hand; contradictions are said before anything is read."""

import pytest

from lit_embed.commands.evaluation_options import chosen_systems, needs, parser, refuse_mistakes
from lit_embed.errors import UserError


def options(*more: str):
    return parser("").parse_args(["--model", "m", "--data", "d", *more])


@pytest.mark.parametrize(("more", "systems"), [
    ([], "bm25 dense hybrid"), (["--base", "b"], "bm25 base dense hybrid"),
    (["--cross-encoder", "c"], "bm25 dense hybrid dense+rerank"),
    (["--systems", "dense", "dense"], "bm25 dense"), (["--systems", "hybrid", "bm25"], "bm25 hybrid"),
    (["--cross-encoder", "c", "--systems", "bm25+rerank"], "bm25 bm25+rerank"),
])
def test_bm25_is_always_the_floor(more, systems):
    assert chosen_systems(options(*more)) == systems.split()


@pytest.mark.parametrize(("more", "words"), [
    (["--systems", "sparse"], "there are bm25, base, dense, hybrid"), (["--systems", "base"], "needs --base"),
    (["--systems", "dense+rerank"], "needs --cross-encoder")])
def test_a_system_without_its_model_is_refused(more, words):
    with pytest.raises(UserError, match=words):
        chosen_systems(options(*more))


def test_hybrid_needs_the_model_and_words_need_none():
    assert needs("hybrid", "dense") and needs("hybrid+rerank", "dense") and needs("dense+rerank", "dense")
    assert not needs("bm25+rerank", "dense") and not needs("hybrid", "base") and needs("base", "base")


@pytest.mark.parametrize(("more", "words"), [
    (["--k", "5", "0"], "--k 0"), (["--keep", "0"], "--keep 0"), (["--bootstrap", "0"], "--bootstrap 0"),
    (["--retrieve", "5"], "--retrieve 5 is fewer than the 10"), (["--plot", "out.jpg"], "must end in .png"),
    (["--json", "."], "is a folder"), (["--k", "five"], "invalid int value")])
def test_contradictions_are_one_line(more, words):
    with pytest.raises(UserError, match=words):
        refuse_mistakes(options(*more))
