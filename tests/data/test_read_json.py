import pytest
from toy_words import write

from lit_embed.data.read_json import read_json
from lit_embed.errors import UserError

LINES = '{"Q": "a", "answer": "b"}\n{"Q": "c", "answer": "d"}\n'
LIST = '[{"Q": "a", "answer": "b"},\n {"Q": "c", "answer": "d"}]'


@pytest.mark.parametrize("text", [LINES, "\n" + LINES + "\n\n", LIST, "\ufeff" + LINES, "\ufeff  " + LIST])
def test_lines_and_lists_are_the_same_rows(tmp_path, text):
    path = tmp_path / "x.json"
    write(path, text)
    assert read_json(path).to_pydict() == {"Q": ["a", "c"], "answer": ["b", "d"]}


def test_texts_that_look_like_dates_stay_texts(tmp_path):
    path = tmp_path / "x.jsonl"
    write(path, '{"Q": "2020-01-01"}\n{"Q": "2020-01-02 10:00:00"}\n')
    assert read_json(path).to_pydict() == {"Q": ["2020-01-01", "2020-01-02 10:00:00"]}


def test_a_key_that_only_later_rows_have_is_a_column_too(tmp_path):
    path = tmp_path / "x.json"
    write(path, '[{"Q": "a"}, {"Q": "b", "answer": "c"}]')
    assert read_json(path).to_pydict() == {"Q": ["a", "b"], "answer": [None, "c"]}


@pytest.mark.parametrize("text, said", [
    (LINES + '{"Q": "a", "ans\n' + LINES, "line 3: broken JSON"),
    (LINES + "[1, 2]\n", "line 3: expected an object with named values, found [1, 2]"),
    (LINES.encode() + b'{"Q": "\xe9"\n', "line 3: bytes that are not UTF-8"),
    (LINES + '{"Q": 7}\n', "row 3, column 'Q': a number where the rows before have a string"),
    (LINES + '{"Q": "\\ud800"}\n', "line 3: half of a character"),
    ('[{"Q": "a"},\n{"Q": }]', "line 2: broken JSON"),
    ('["a", "b"]', "row 1: expected an object with named values, found a"),
    ('[{"Q": "a"}, {"Q": "\\ud800"}]', "row 2: half of a character"),
    (b'[{"Q": "a"},\n {"Q": "\xe9"}]', "line 2: bytes that are not UTF-8"),
])
def test_an_error_names_file_and_line(tmp_path, text, said):
    path = tmp_path / "x.json"
    write(path, text)
    with pytest.raises(UserError) as error:
        read_json(path)
    assert str(error.value).startswith(f"{path}, {said}")
    assert "\n" not in str(error.value)
