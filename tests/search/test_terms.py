"""What counts as a term: words in most scripts, pieces where spaces or particles get in the way."""

import unicodedata

import pytest

from lit_embed.search.terms import ngrams, spans, suited, words


def test_words_are_casefolded_and_composed():
    assert words("The Straße, the CAFE\u0301-bar; x_1!") == ["the", "strasse", "the", "café", "bar", "x_1"]
    assert words("Ａｌｐｈａ") == ["alpha"] and words(" \n ?!") == []


def test_marks_do_not_break_a_word():
    assert words("ที่นี่ हिन्दी") == ["ที่นี่", "हिन्दी"]


def test_korean_words_become_pairs_of_syllables_that_know_where_the_word_starts():
    assert ngrams("서울은 눈") == [" 서", "서울", "울은", " 눈"]
    assert set(ngrams("서울")) < set(ngrams("서울에서")) and not set(ngrams("말")) & set(ngrams("양말"))


def test_composed_and_decomposed_hangul_are_the_same():
    assert ngrams(unicodedata.normalize("NFD", "서울은")) == ngrams("서울은")


@pytest.mark.parametrize(("text", "pieces"), [
    ("Seoul 2024", ["seoul", "2024"]), ("GPT는", ["gpt", "는"]), ("1945년에", ["1945", "년에"]),
    ("黑猫", ["黑", "猫", "黑猫"]), ("猫", ["猫"]), ("ไทยา", ["ไทย", "ทยา"]), ("", [])])
def test_each_script_has_its_pieces(text, pieces):
    assert ngrams(text) == pieces


def test_a_corpus_is_counted_by_its_script():
    english, korean = ["a cat sat on the mat"] * 50, ["고양이가 앉았다"] * 50
    assert suited(english) == "words" and suited(korean) == "ngrams" and suited([]) == suited(["", "?"]) == "words"
    assert suited(english * 20 + ["金"]) == "words" and suited(english + korean[:10]) == "ngrams"


def test_spans_are_the_words_that_a_reader_would_underline():
    text = "The Cat sat. Cats!"
    assert [text[start:stop] for start, stop in spans(text, {"cat", "sat"}, "words")] == ["Cat", "sat"]
    text = "서울에서 왔다, 거울도"
    assert [text[start:stop] for start, stop in spans(text, {" 서", "서울"}, "ngrams")] == ["서울에서"]
