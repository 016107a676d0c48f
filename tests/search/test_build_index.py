"""A stream of passages becomes the index that all at once become; whatever dies on the way, the bytes are the same."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import slow_build
from slow_build import BLOCK, COUNT, PLAN, blocks, encode

from lit_embed.errors import UserError
from lit_embed.search import Index
from lit_embed.search.build_index import Plan, build_index
from lit_embed.search.kinds import KINDS

TEXTS = [f"passage {row}" for row in range(COUNT)]


def contents(folder):
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed") / "index"
    build_index(blocks(), encode, folder, PLAN)
    return contents(folder)


class Counted:
    """encode, with the texts noted, dying at one of them."""

    def __init__(self, dies_at=None):
        self.texts, self.dies_at = [], dies_at

    def __call__(self, texts):
        if self.dies_at in texts:
            raise KeyboardInterrupt
        self.texts += texts
        return encode(texts)


@pytest.mark.parametrize("similarity", ["cosine", "dot", "l2"])
@pytest.mark.parametrize("kind", [*KINDS, "auto"])
def test_a_stream_gives_the_index_that_all_at_once_give(tmp_path, kind, similarity):
    plan = Plan("abc", "", kind=kind, similarity=similarity)
    build_index(((None, texts) for _, texts in blocks()), encode, tmp_path / "stream", plan)
    index = Index.build(encode(TEXTS), TEXTS, "abc", kind, similarity)
    index.save(tmp_path / "whole")
    stream, whole = contents(tmp_path / "stream"), contents(tmp_path / "whole")
    assert stream["texts.parquet"] == whole["texts.parquet"]
    assert stream["vectors.faiss"] == whole["vectors.faiss"] or kind == "hnsw"       # a graph grows from block to block
    opened = Index.open(tmp_path / "stream")
    assert (opened.kind, opened.model, len(opened)) == (index.kind, "abc", COUNT)
    assert not (tmp_path / "stream.part").exists()


@pytest.mark.parametrize("dies_at", ["passage 0", "passage 60", "passage 170", "passage 299"])
def test_a_build_that_died_goes_on_from_the_last_block(tmp_path, undisturbed, dies_at):
    with pytest.raises(KeyboardInterrupt):
        build_index(blocks(), Counted(dies_at), tmp_path / "index", PLAN)
    assert not (tmp_path / "index").exists()
    again, told = Counted(), []
    build_index(blocks(), again, tmp_path / "index", PLAN, told=lambda step, count: told.append((step, count)))
    done = int(dies_at.split()[1]) // BLOCK * BLOCK
    assert again.texts == TEXTS[done:] and contents(tmp_path / "index") == undisturbed
    assert sum(count for step, count in told if step == "kept") == done and "changed" not in dict(told)


def test_a_process_that_is_killed_goes_on_from_the_last_block(tmp_path, undisturbed):
    command = [sys.executable, slow_build.__file__, str(tmp_path / "index")]
    with subprocess.Popen([*command, "60"], stdout=subprocess.PIPE, text=True) as slow:
        assert slow.stdout.readline() == "passage 0\n"
        slow.kill()                                                   # in the middle of the first block
    with subprocess.Popen([*command, "0.3"], stdout=subprocess.PIPE, text=True) as slow:
        assert [slow.stdout.readline() for _ in range(4)][-1] == "passage 180\n"
        slow.kill()                                                   # in the fourth
    assert len(list((tmp_path / "index.part").glob("00000*-*"))) == 3 and not (tmp_path / "index").exists()
    again = Counted()
    build_index(blocks(), again, tmp_path / "index", PLAN)
    assert again.texts == TEXTS[180:] and contents(tmp_path / "index") == undisturbed
    assert [file.name for file in tmp_path.iterdir()] == ["index"]


def test_a_build_that_died_while_the_folder_was_written_embeds_nothing_again(tmp_path, undisturbed, monkeypatch):
    def dies(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lit_embed.search.build_index.write_settings", dies)
        with pytest.raises(KeyboardInterrupt):
            build_index(blocks(), encode, tmp_path / "index", PLAN)
    again = Counted()
    build_index(blocks(), again, tmp_path / "index", PLAN)
    assert again.texts == [] and contents(tmp_path / "index") == undisturbed


@pytest.mark.parametrize(("other", "first"), [
    (lambda: (PLAN, ((ids, [text.replace("130", "131") for text in texts]) for ids, texts in blocks())), 120),
    (lambda: (PLAN, ((ids, texts) if ids[0] != "id60" else (["x", *ids[1:]], texts) for ids, texts in blocks())), 60),
    (lambda: (PLAN, blocks(block=50)), 0),
    (lambda: (dataclasses.replace(PLAN, model="abd"), blocks()), 0),
    (lambda: (dataclasses.replace(PLAN, embedding="bfloat16"), blocks()), 0),
])
def test_what_changed_is_embedded_anew_and_said(tmp_path, other, first):
    with pytest.raises(KeyboardInterrupt):
        build_index(blocks(), Counted("passage 200"), tmp_path / "index", PLAN)
    plan, stream = other()
    again, told = Counted(), []
    build_index(stream, again, tmp_path / "index", plan, told=lambda step, count: told.append((step, count)))
    assert again.texts[0].split()[1] == str(first) and ("changed", first) in told
    assert len([step for step, _ in told if step == "changed"]) == 1
    build_index(other()[1], encode, tmp_path / "fresh", plan)
    assert contents(tmp_path / "index") == contents(tmp_path / "fresh")


def test_another_kind_takes_the_same_embeddings(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        build_index(blocks(), Counted("passage 299"), tmp_path / "index", PLAN)
    again = Counted()
    build_index(blocks(), again, tmp_path / "index", dataclasses.replace(PLAN, kind="hnsw", similarity="dot"))
    assert again.texts == TEXTS[240:] and Index.open(tmp_path / "index").kind == "hnsw"


def test_a_block_whose_file_lost_its_end_is_embedded_again(tmp_path, undisturbed):
    with pytest.raises(KeyboardInterrupt):
        build_index(blocks(), Counted("passage 200"), tmp_path / "index", PLAN)
    for file, cut in [(0, "embeddings.npy"), (2, "texts.parquet")]:
        place = next(Path(tmp_path, "index.part").glob(f"00000{file}-*")) / cut
        place.write_bytes(place.read_bytes()[:50])
    again = Counted()
    build_index(blocks(), again, tmp_path / "index", PLAN)
    assert again.texts == TEXTS[:60] + TEXTS[120:] and contents(tmp_path / "index") == undisturbed


def test_settings_say_how_the_index_was_made_and_what_it_misses(tmp_path):
    recall = build_index(blocks(), encode, tmp_path / "index", dataclasses.replace(PLAN, effort=3, role="text"))
    assert 0.5 < recall < 1
    more = build_index(blocks(), encode, tmp_path / "index", dataclasses.replace(PLAN, effort=6), encode(TEXTS[:9]))
    assert recall < more == 1
    index = Index.open(tmp_path / "index")
    assert index.effort == 6 and index.model_folder == "models/toy"
    assert build_index(blocks(), encode, tmp_path / "index", Plan(kind="flat", role="text")) == 1
    assert Index.open(tmp_path / "index").role == "text"
    build_index(blocks(), encode, tmp_path / "index", Plan(kind="auto", effort=5))
    assert Index.open(tmp_path / "index").effort == 0


@pytest.mark.parametrize(("stream", "words"), [
    ([], "no passages"),
    ([(["a", "b"], ["x", "y"]), (["c", "a"], ["z", "w"])], "id 'a' is that of row 1 and of row 4"),
    ([(["a", "b", "b"], ["x", "y", "z"])], "id 'b' is that of row 2 and of row 3"),
])
def test_passages_that_make_no_index_are_one_line(tmp_path, stream, words):
    with pytest.raises(UserError, match=words):
        build_index(stream, lambda texts: np.ones((len(texts), 3)), tmp_path / "index", Plan())
    assert not (tmp_path / "index").exists()


@pytest.mark.parametrize(("plan", "words"), [
    (Plan(kind="lsh"), "no kind"), (Plan(similarity="x"), "no similarity"), (Plan(effort=0), "effort 0"),
    (Plan(device="cuda"), "device cuda")])
def test_a_plan_that_cannot_be_is_refused_before_anything_is_embedded(tmp_path, plan, words):
    with pytest.raises(UserError, match=words):
        build_index(blocks(), Counted("passage 0"), tmp_path / "index", plan)


def test_a_diverged_model_is_one_clear_line(tmp_path):
    with pytest.raises(UserError, match="training diverged"):
        build_index(blocks(), lambda texts: np.full((len(texts), 3), np.nan), tmp_path / "index", Plan())
