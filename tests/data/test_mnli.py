import numpy as np
import pytest
from toy_words import with_trainer, write

from lit_embed.data import Mnli
from lit_embed.errors import UserError

TRAIN = "premise,hypothesis,label\nA,A e,0\nB,B n,1\nA,A c,2\nC,C ?,-1\nB,B e,0\nA,A e2,0\nA,A c2,2\n"
HELD = "premise,hypothesis,label\nV,V e,0\nV,V c,2\n"
README = """---
configs:
- config_name: mnli
  data_files:
  - {split: train, path: train.csv}
  - {split: validation_matched, path: matched.csv}
  - {split: test, path: test.csv}
---
"""


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "README.md", README)
    write(tmp_path / "train.csv", TRAIN)
    write(tmp_path / "matched.csv", HELD)
    write(tmp_path / "test.csv", "premise,hypothesis,label\nT,T,-1\n")
    return str(tmp_path)


def test_classes_are_the_labels_without_the_unagreed_rows(folder):
    rows = Mnli(folder).rows("train")
    assert rows.queries == ["A", "B", "A", "B", "A", "A"]
    assert rows.labels.tolist() == [0, 1, 2, 0, 0, 2] and rows.labels.dtype == np.int64


def test_scores_are_one_for_entailment_and_zero_for_the_rest(folder):
    rows = Mnli(folder, task="scores").rows("train")
    assert rows.labels.tolist() == [1, 0, 0, 1, 1, 0] and rows.labels.dtype == np.float32


def test_triplets_are_entailed_pairs_with_a_random_other_hypothesis(folder):
    data = Mnli(folder, task="triplets", batch_size=3)
    rows = data.rows("train")
    assert (rows.queries, rows.documents, rows.labels) == (["A", "B", "A"], [["A e", "B e", "A e2"]], None)
    # The validation fixture has one entailed pair only: nothing else to draw from, so only training is set up here.
    data.rows = lambda split: rows
    batch = next(iter(with_trainer(data).train_dataloader()))
    assert batch.document_ids.shape == (3, 2) and (batch.document_ids[:, 0] != batch.document_ids[:, 1]).all()


def test_contradictions_are_hard_negatives_of_the_same_premise(folder):
    rows = Mnli(folder, task="contradictions").rows("train")
    assert (rows.queries, rows.documents) == (["A", "A"], [["A e", "A e2"], ["A c", "A c2"]])


def test_validation_is_the_matched_split_and_a_withheld_test_is_too(folder):
    assert Mnli(folder).rows("validation").queries == ["V", "V"] == Mnli(folder).rows("test").queries


def test_limit_counts_rows_as_they_are_stored(folder):
    assert len(Mnli(folder, limit=4).rows("train")) == 3


@pytest.mark.parametrize("label, said", [("3", "label 3 is none of the classes"), ("x", "'x' is not a number"),
                                         ("", "is empty")])
def test_a_bad_label_is_named_with_its_row(tmp_path, label, said):
    path = write(tmp_path / "x.csv", f"premise,hypothesis,label\nA,b,0\nB,c,{label}\n")
    with pytest.raises(UserError, match=f"x.csv, row 2.*{said}"):
        Mnli(path, validation="train").rows("train")


def test_without_entailment_there_is_nothing_to_train_on(tmp_path):
    path = write(tmp_path / "x.csv", "premise,hypothesis,label\nA,b,1\nB,c,2\n")
    for task, said in [("triplets", "no row is labelled 0"), ("contradictions", "no premise has both")]:
        with pytest.raises(UserError, match=said):
            Mnli(path, task=task, validation="train").rows("train")


def test_the_real_sample_is_read_as_it_stands(real_data):
    counts = {task: len(Mnli(str(real_data / "glue"), task=task).rows("train")) for task in ("classes", "triplets")}
    assert counts == {"classes": 19636, "triplets": 6540}
    assert Mnli.home == "nyu-mll/glue" and Mnli().name == "mnli"
