"""A finished run leaves an index of its documents that its own model searches."""

import numpy as np
import pytest
from toy_run import ToyData, toy_cross_encoder, toy_module, toy_trainer

from lit_embed.batches import PairRows
from lit_embed.callbacks import HitRate, ModelFolder, SearchIndex
from lit_embed.errors import UserError
from lit_embed.models import TextEncoder
from lit_embed.search import Index
from lit_embed.search.fingerprint import fingerprint


class SamePassage(ToyData):
    def rows(self, split):
        rows = super().rows(split)
        return PairRows(rows.queries, [["the one passage"] * 3 + rows.documents[0][3:]])


def test_the_index_holds_each_document_of_train_and_validation_once(toy_backbone, tmp_path):
    module = toy_module(toy_backbone)
    toy_trainer(tmp_path, [SearchIndex()], max_epochs=1).fit(module, SamePassage(batch_size=4))
    index = Index.open(tmp_path / "index")
    assert list(index.texts) == ["the one passage", *(text for split in ("train", "validation")
                                                      for text in SamePassage().rows(split).documents[0][3:])]
    scores, places = index.search(module.encoder.encode(index.texts, "document"), 1)
    np.testing.assert_array_equal(places[:, 0], range(len(index)))
    np.testing.assert_allclose(scores, 1, atol=1e-5)


def test_the_index_knows_the_model_of_its_run(toy_backbone, tmp_path):
    trainer = toy_trainer(tmp_path, [SearchIndex(), ModelFolder()], max_epochs=1)
    trainer.fit(toy_module(toy_backbone), ToyData(batch_size=4))
    model = TextEncoder.from_folder(tmp_path / "model")
    assert Index.open(tmp_path / "index").model == fingerprint(model)
    Index.open(tmp_path / "index").check_model(fingerprint(model), model.width)


@pytest.mark.parametrize("own, count", [(None, 5 + 3), (ToyData(train=2, held_out=1), 2 + 1)])
def test_it_takes_the_data_of_hit_rate_unless_it_has_its_own(toy_backbone, tmp_path, own, count):
    callbacks = [HitRate(data=ToyData(train=5, held_out=3)), SearchIndex(data=own)]
    toy_trainer(tmp_path, callbacks, max_epochs=1).fit(toy_module(toy_backbone), ToyData(batch_size=4))
    assert len(Index.open(tmp_path / "index")) == count


def test_a_fast_dev_run_leaves_nothing(toy_backbone, tmp_path):
    toy_trainer(tmp_path, [SearchIndex()], fast_dev_run=True).fit(toy_module(toy_backbone), ToyData(batch_size=4))
    assert not (tmp_path / "index").exists()


def test_a_model_without_embeddings_is_one_clear_line(toy_backbone, tmp_path):
    with pytest.raises(UserError, match="CrossEncoder has none: take it out"):
        toy_trainer(tmp_path, [SearchIndex()]).fit(toy_cross_encoder(toy_backbone), ToyData(batch_size=4, classes=2))
