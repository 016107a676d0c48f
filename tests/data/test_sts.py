import numpy as np
import pytest
from toy_words import write

from lit_embed.data import Sts
from lit_embed.errors import UserError

GLUE = "sentence1,sentence2,label\na,b,5.0\nc,d,0\ne,f,3.8\ng,h,2.5\n"
KOR = ("genre\tfilename\tyear\tid\tscore\tsentence1\tsentence2\n"
       'main\tMSRvid\t2012\t0001\t5.000\t비행기가 "이륙하고 있다.\t비행기가 이륙하고 있다.\n'
       "main\tMSRvid\t2012\t0002\t2.500\t남자가 있다.\t여자가 있다.\n")


def test_scores_come_out_between_zero_and_one(tmp_path):
    rows = Sts(write(tmp_path / "x.csv", GLUE), validation="train").rows("train")
    assert (rows.queries[0], rows.documents[0][0]) == ("a", "b")
    np.testing.assert_allclose(rows.labels, np.float32([1, 0, 0.76, 0.5]))


def test_a_folder_of_korsts_files_is_read_with_its_stray_quotation_marks(tmp_path):
    for part in ("train", "dev", "test"):
        write(tmp_path / f"sts-{part}.tsv", KOR.replace("남자", part))
    for split, word in [("train", "train"), ("validation", "dev"), ("test", "test")]:
        rows = Sts(str(tmp_path)).rows(split)
        assert rows.queries == ['비행기가 "이륙하고 있다.', f"{word}가 있다."] and rows.labels.tolist() == [1, 0.5]


def test_withheld_test_scores_give_way_to_validation(tmp_path):
    write(tmp_path / "train.csv", GLUE)
    write(tmp_path / "validation.csv", GLUE.replace("a,b", "v,w"))
    write(tmp_path / "test.csv", "sentence1,sentence2,label\nx,y,-1\n")
    assert Sts(str(tmp_path)).rows("test").queries[0] == "v"


def test_the_column_of_scores_can_be_named(tmp_path):
    path = write(tmp_path / "x.csv", "sentence1,sentence2,label,mean\na,b,high,4\nc,d,low,1\n")
    assert Sts(path, score="mean", validation="train").rows("train").labels.tolist() == pytest.approx([0.8, 0.2])


def test_a_score_above_five_is_named_with_its_row(tmp_path):
    with pytest.raises(UserError, match="x.csv, row 3, column 'label': score 38 is outside its range 0 to 5"):
        Sts(write(tmp_path / "x.csv", GLUE.replace("3.8", "38")), validation="train").rows("train")


def test_the_real_benchmark_is_read_as_it_stands(real_data):
    data = Sts(str(real_data / "glue"))
    assert (len(data.rows("train")), len(data.rows("validation"))) == (5749, 1500) and data.rows("test").queries
