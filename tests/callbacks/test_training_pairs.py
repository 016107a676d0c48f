import numpy as np
import pytest

from lit_embed.batches import PairRows, text_ids
from lit_embed.callbacks.training_pairs import drawn, places_of, task_of, texts_of
from lit_embed.data.pair_dataset import pair_dataset
from lit_embed.errors import UserError
from lit_embed.models.tokenizer import TextTokenizer
from lit_embed.search.negatives import Rules

ROWS = PairRows(["a", "b", "a", "c c"], [["x", "y y", "z", "x"], ["n", "x", "p", "a"]])


@pytest.fixture
def pairs(tmp_path, toy_backbone):
    return pair_dataset(ROWS, TextTokenizer(toy_backbone, 32), ("query: ", ""), tmp_path)


def test_the_task_knows_answers_negatives_of_the_data_and_equal_texts(pairs):
    task, passages = task_of(pairs)
    texts = dict(zip(text_ids(["x", "y y", "z", "n", "p", "a"]).tolist(), ["x", "y y", "z", "n", "p", "a"]))
    names = [texts[identity] for identity in pairs.documents.identities[passages].tolist()]
    assert sorted(names) == sorted(texts.values()) and len(task) == 4
    assert [names[place] for place in task.answer] == ROWS.documents[0]
    known = [{names[key % len(names)] for key in task.known if key // len(names) == own} for own in task.question]
    assert known == [{"a", "x", "z", "n", "p"}, {"y y", "x"}, {"a", "x", "z", "n", "p"}, {"x", "a"}]


def test_drawn_negatives_are_nothing_known_and_missing_where_nothing_is_left(pairs):
    task, _ = task_of(pairs)
    places = drawn(task, Rules(count=3, relative_margin=0.5))
    for question, own in zip(task.question, places):
        known = {key % task.passages for key in task.known if key // task.passages == question}
        assert set(own) - {-1} == set(own) - {-1} - known
        assert (own >= 0).sum() == min(3, task.passages - len(known))


def test_texts_are_found_by_identity():
    class Data:
        def rows(self, split):
            return ROWS

    wanted = ["c c", "p", "x"]
    assert texts_of(Data(), text_ids(wanted)) == wanted


def test_identities_of_other_texts_are_refused(pairs):
    identities = text_ids(["x", "p", "n", "x"])[:, None]
    assert (pairs.documents.identities[places_of(pairs, identities, 1)] == identities).all()
    for wrong, count in [(identities[:3], 1), (identities, 2), (text_ids(["x", "p", "n", "nowhere"])[:, None], 1)]:
        with pytest.raises(UserError, match="for other training pairs"):
            places_of(pairs, wrong, count)
    assert places_of(pairs, np.repeat(identities, 2, axis=1), 2).shape == (4, 2)
