"""lit-embed search: a run or an index, by meaning, words or both, one query or a file of them, re-ranked if asked."""

import json
import shutil

import pytest
from tiny_run import config, write_config, write_pairs

from lit_embed import cli
from lit_embed.commands import search as command
from lit_embed.models import TextEncoder, TextPairScorer


@pytest.fixture(scope="module")
def trained(tmp_path_factory, toy_backbone):
    """A folder with the run `tiny`, which left an index."""
    folder = tmp_path_factory.mktemp("trained")
    content = config(toy_backbone, write_pairs(folder / "pairs.csv"))
    content["trainer"]["callbacks"].append({"class_path": "lit_embed.callbacks.SearchIndex"})
    content["trainer"]["max_steps"] = 1
    write_config(folder / "tiny.yaml", content)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert cli.main(["fit", "--config", "tiny.yaml"]) == 0
    TextPairScorer(toy_backbone, max_length=64).save_folder(folder / "reranker")
    return folder


@pytest.fixture
def folder(trained, tmp_path, monkeypatch):
    shutil.copytree(trained, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def search(capsys, *options: str) -> list[dict]:
    capsys.readouterr()
    assert cli.main(["search", *options, "--json"]) == 0
    out = capsys.readouterr().out
    return [json.loads(line) for line in out.splitlines()] if "--queries" in options else json.loads(out)


def some_document(folder, row: int = 5) -> str:
    return (folder / "pairs.csv").read_text().splitlines()[row].split(",")[1]


def test_the_document_itself_is_found_first(folder, capsys):
    text = some_document(folder)
    found = search(capsys, "tiny", text, "--k", "3")
    assert len(found) == 3 and found[0]["text"] == text and found[0]["score"] == pytest.approx(1, abs=0.01)
    assert found == search(capsys, "checkpoints/tiny", text, "--k", "3")


@pytest.mark.parametrize("options", [["--mode", "bm25"], ["--mode", "hybrid"],
                                     ["--mode", "hybrid", "--fusion", "weighted", "--weight", "0.7"]])
def test_words_find_the_document_too(folder, capsys, options):
    text = some_document(folder)
    found = search(capsys, "tiny", text, *options)
    scores = [each["score"] for each in found]
    assert found[0]["text"] == text and scores == sorted(scores, reverse=True)
    assert {"id", "score", "text"} == found[0].keys() and (folder / "checkpoints/tiny/index/bm25").is_dir()
    assert found == search(capsys, "tiny", text, *options)                         # now with the words counted before


def test_words_alone_need_no_model(folder, capsys, monkeypatch):
    monkeypatch.setattr(command, "open_encoder", None)
    expected = search(capsys, "tiny", some_document(folder), "--mode", "bm25")
    shutil.rmtree(folder / "checkpoints/tiny/index")                               # then the config says which documents
    found = search(capsys, "tiny", some_document(folder), "--mode", "bm25")
    assert {each["text"] for each in found} == {each["text"] for each in expected}
    assert not (folder / "checkpoints/tiny/index").exists()


def test_a_query_that_shares_no_word_finds_nothing(folder, capsys):
    assert search(capsys, "tiny", "zzz", "--mode", "bm25") == []
    assert cli.main(["search", "tiny", "zzz", "--mode", "bm25"]) == 0
    assert "no document shares a word" in capsys.readouterr().out


def test_the_table_is_readable_without_a_terminal(folder, capsys):
    assert cli.main(["search", "tiny", "a cat [red]", "--k", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "a cat [red]" in lines[0] and "40 documents" in lines[0]
    assert len([line for line in lines if line.strip()]) == 4


def test_a_file_of_queries_gives_what_each_query_gives(folder, capsys):
    queries = ["a cat sat", "blue river 7", "the moon"]
    (folder / "queries.txt").write_text("\n".join(queries) + "\n")
    (folder / "queries.csv").write_text("number,asked\n" + "".join(f"7,{query}\n" for query in queries))
    for mode in ("dense", "bm25", "hybrid"):
        same = ["--mode", mode, "--k", "3"]
        found = search(capsys, "tiny", "--queries", "queries.txt", *same)
        assert [each["query"] for each in found] == queries
        assert found == search(capsys, "tiny", "--queries", "queries.csv", "--column", "asked", *same)
        for query, row in zip(queries, found):
            assert [hit["rank"] for hit in row["results"]] == list(range(1, len(row["results"]) + 1))
            alone = search(capsys, "tiny", query, *same)
            assert [hit["id"] for hit in row["results"]] == [hit["id"] for hit in alone]
    assert cli.main(["search", "tiny", "--queries", "queries.txt", "--k", "2"]) == 0
    shown = capsys.readouterr().out
    assert all(f"{query}  (40 documents)" in shown for query in queries)


def test_results_of_many_queries_go_into_a_file(folder, capsys):
    (folder / "queries.txt").write_text("a cat\n늑대 \"끝\"\n", encoding="utf8")
    assert cli.main(["search", "tiny", "--queries", "queries.txt", "--output", "out/found.jsonl", "--k", "2"]) == 0
    rows = [json.loads(line) for line in (folder / "out/found.jsonl").read_text(encoding="utf8").splitlines()]
    assert rows == search(capsys, "tiny", "--queries", "queries.txt", "--k", "2")


@pytest.mark.parametrize("mode", ["dense", "bm25", "hybrid"])
def test_a_cross_encoder_decides_the_order_of_what_was_retrieved(folder, capsys, mode):
    query = "the cat sat on the red mat"
    candidates = search(capsys, "tiny", query, "--mode", mode, "--k", "8")
    found = search(capsys, "tiny", query, "--mode", mode, "--rerank", "reranker", "--retrieve", "8", "--keep", "3")
    scorer = TextPairScorer.from_folder(folder / "reranker")
    scores = scorer.score([(query, each["text"]) for each in candidates])
    expected = sorted(zip(scores.tolist(), candidates), key=lambda pair: -pair[0])[:3]
    assert [each["id"] for each in found] == [each["id"] for _, each in expected]
    assert [each["score"] for each in found] == pytest.approx([score for score, _ in expected], abs=1e-5)


def test_more_results_than_documents_are_all_documents(folder, capsys):
    for options in ([], ["--mode", "hybrid"], ["--rerank", "reranker"]):
        assert len({each["id"] for each in search(capsys, "tiny", "a cat", "--k", "1000", *options)}) == 40


def test_an_index_by_itself_is_searched_by_the_model_that_is_named(folder, capsys, backbone_folder):
    shutil.copytree(folder / "checkpoints/tiny/index", folder / "alone")
    text = some_document(folder)
    found = search(capsys, "alone", text, "--model", "checkpoints/tiny/model")
    assert found == search(capsys, "tiny", text) == search(capsys, "checkpoints/tiny/index", text)
    assert search(capsys, "alone", text, "--mode", "bm25")[0]["text"] == text      # words need no model
    TextEncoder(backbone_folder("distilbert")).save_folder(folder / "another")
    for options, words in ([], "--model"), (["--model", "another"], "another"):
        assert cli.main(["search", "alone", text, *options]) == 2
        assert words in capsys.readouterr().err


def test_a_missing_index_is_built_from_the_config_and_kept(folder, capsys):
    before = search(capsys, "tiny", "a cat", "--k", "40")
    shutil.rmtree(folder / "checkpoints/tiny/index")
    after = search(capsys, "tiny", "a cat", "--k", "40")
    assert {each["text"] for each in before} == {each["text"] for each in after}
    assert (folder / "checkpoints/tiny/index").is_dir()


def test_an_index_of_another_model_is_built_again(folder, capsys, backbone_folder):
    shutil.rmtree(folder / "checkpoints/tiny/model")
    TextEncoder(backbone_folder("distilbert"), max_length=32).save_folder(folder / "checkpoints/tiny/model")
    text = search(capsys, "tiny", "a cat")[0]["text"]
    assert search(capsys, "tiny", text)[0]["score"] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(("options", "words"), [
    (["nothing", "a cat"], "holds tiny"), (["tiny"], "query"), (["tiny", "a cat", "--k", "0"], "--k 0"),
    (["tiny", " "], "the query is empty"), (["tiny", "a cat", "--queries", "holes.txt"], "not both"),
    (["tiny", "--queries", "holes.txt"], "holes.txt, line 2"), (["tiny", "--queries", "empty.txt"], "no query"),
    (["tiny", "--queries", "pairs.csv"], "--column"), (["tiny", "a cat", "--column", "Q"], "--queries"),
    (["tiny", "--queries", "gone.txt"], "--queries gone.txt"), (["tiny", "a", "--mode", "words"], "--mode"),
    (["tiny", "a cat", "--keep", "3"], "--rerank"), (["tiny", "a cat", "--retrieve", "3"], "--rerank"),
    (["tiny", "a", "--rerank", "reranker", "--retrieve", "5", "--keep", "9"], "--retrieve 5"),
    (["tiny", "a", "--rerank", "reranker", "--k", "5", "--keep", "9"], "--keep 9"),
    (["tiny", "a", "--rerank", "reranker", "--retrieve", "0"], "--retrieve 0"),
    (["tiny", "a", "--rerank", "checkpoints/tiny/model"], "head"), (["tiny", "a", "--rerank", "gone"], "gone"),
    (["tiny", "a cat", "--fusion", "rrf"], "--mode hybrid"),
    (["tiny", "a", "--mode", "hybrid", "--weight", "0.3"], "--fusion weighted"),
    (["tiny", "a", "--mode", "hybrid", "--fusion", "weighted", "--weight", "1.5"], "--weight 1.5"),
    (["tiny", "a", "--model", "reranker"], "its own model"), (["tiny", "a", "--output", "found.txt"], ".jsonl")])
def test_a_mistake_is_one_line(folder, capsys, options, words):
    (folder / "holes.txt").write_text("a cat\n\na dog\n")
    (folder / "empty.txt").write_text("")
    capsys.readouterr()
    assert cli.main(["search", *options]) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("lit-embed: error: ") and words in said and "\n" not in said
