"""Results for the eye: everything that was found, long documents cut, words in bold, brackets as they are."""

import json

from lit_embed.run.results_table import LONGEST, Hit, _document, json_lines, show


def test_a_line_of_json_holds_a_query_and_its_results():
    lines = json_lines(["눈", "b\nc"], [[Hit(1, 0.5, "d", "x\ny")], []])
    assert "눈" in lines[0] and all("\n" not in line for line in lines)
    assert [json.loads(line) for line in lines] == [
        {"query": "눈", "results": [{"rank": 1, "score": 0.5, "id": "d", "text": "x\ny"}]},
        {"query": "b\nc", "results": []}]


def test_a_table_has_a_row_for_each_hit(capsys):
    show("a [red] cat", [Hit(1, 0.51234, "d7", "the\n[bold]cat[/bold]"), Hit(2, -3, "d1", "dog")], 1234, "cosine")
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "a [red] cat  (1234 documents)" and lines[1].split() == ["cosine", "id", "document"]
    assert lines[2].split() == ["1", "0.512", "d7", "the", "[bold]cat[/bold]"]
    assert lines[3].split() == ["2", "-3.000", "d1", "dog"]


def test_small_scores_differ_to_the_eye(capsys):
    show("q", [Hit(1, 1 / 61, "a", "cat"), Hit(2, 1 / 62, "b", "dog")], 2, "fused")
    assert "0.0164" in (shown := capsys.readouterr().out) and "0.0161" in shown


def test_nothing_found_is_said(capsys):
    show("zebra", [], 5, "bm25")
    assert "no document shares a word" in capsys.readouterr().out


def test_a_long_document_is_cut_and_its_words_are_bold():
    shown = _document("cat " * LONGEST, lambda text: [(0, 3), (4, 7)])
    assert len(shown.plain) == LONGEST + 2 and shown.plain.endswith(" …")
    assert [(span.start, span.end, span.style) for span in shown.spans] == [(0, 3, "bold"), (4, 7, "bold")]
    assert _document("a dog", None).plain == "a dog"
