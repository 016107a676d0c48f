import json

import pytest
from toy_words import write

from lit_embed.data import KlueMrc, KlueSts

README = """---
configs:
- config_name: sts
  data_files: [{split: train, path: sts_train.jsonl}, {split: validation, path: sts_validation.jsonl}]
- config_name: mrc
  data_files: [{split: train, path: mrc_train.jsonl}, {split: validation, path: mrc_validation.jsonl}]
---
"""


def lines(rows) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "README.md", README)
    for split, count in [("train", 20), ("validation", 4)]:
        sts = [{"guid": f"{i}", "sentence1": f"{split} 가{i}", "sentence2": "나",
                "labels": {"label": i % 6, "real-label": i % 6 + 0.01, "binary-label": 0}} for i in range(count)]
        mrc = [{"question": f"{split} {i}?", "context": f"문단 {i // 2}", "answers": ["x"]} for i in range(count)]
        write(tmp_path / f"sts_{split}.jsonl", lines(sts))
        write(tmp_path / f"mrc_{split}.jsonl", lines(mrc))
    return str(tmp_path)


def test_a_tenth_of_train_is_validation_and_validation_is_the_test(folder):
    data = KlueSts(folder)
    train, validation, test = (data.rows(split) for split in ("train", "validation", "test"))
    assert (len(train), len(validation), len(test)) == (18, 2, 4)
    assert not set(train.queries) & set(validation.queries)
    assert all(query.startswith("train") for query in validation.queries)
    assert test.labels.tolist() == pytest.approx([0, 0.2, 0.4, 0.6])


def test_a_question_is_paired_with_its_passage(folder):
    rows = KlueMrc(folder).rows("train")
    assert rows.labels is None
    assert (rows.queries[2:4], rows.documents[0][2:4]) == (["train 2?", "train 3?"], ["문단 1", "문단 1"])
    assert KlueMrc(folder).rows("validation").queries == KlueMrc(folder).rows("test").queries


def test_the_real_sets_are_read_as_they_stand(real_data):
    data = KlueSts(str(real_data / "klue"))
    assert [len(data.rows(split)) for split in ("train", "validation", "test")] == [10501, 1167, 519]
    assert len(KlueMrc(str(real_data / "korquad_as_klue_mrc")).rows("validation")) == 1194
    assert KlueSts.home == KlueMrc.home == "klue/klue"
