"""Negatives mined while training are those of a loop with the weights of that moment; a resumed run has the same."""

import logging

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.strategies import DDPStrategy
from toy_run import ToyData, toy_cross_encoder, toy_module, toy_trainer
from toys import run_in_processes

from lit_embed.batches import PairRows, text_ids
from lit_embed.callbacks import MineNegatives
from lit_embed.errors import UserError
from lit_embed.files import AtomicCheckpointIO

ROWS = 12


class Questions(ToyData):
    """Twelve rows: two questions have two answers, two answers have two questions."""

    def rows(self, split):
        rows = super().rows(split)
        queries, documents = list(rows.queries), list(rows.documents[0])
        if split == "train":
            queries[1], queries[5], documents[3], documents[8] = queries[0], queries[4], documents[2], documents[7]
        return PairRows(queries, [documents], rows.labels)


def questions(**settings) -> Questions:
    return Questions(train=ROWS, batch_size=4, **settings)


class Witness(pl.Callback):
    """Each step's documents and loss, and at each epoch's start the embeddings of that moment."""

    def __init__(self):
        self.documents, self.losses, self.vectors = [], [], []

    def on_train_epoch_start(self, trainer, module):
        rows, encoder = trainer.datamodule.rows("train"), module.encoder
        self.vectors.append([encoder.encode(rows.queries, "query"), encoder.encode(rows.documents[0], "document")])

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index):
        self.documents.append((batch.query_ids.tolist(), batch.document_ids.tolist()))
        self.losses.append(outputs["loss"].item())


class StopAt(pl.Callback):
    """Ends the run as somebody's interrupt would: the schedule still reaches to the last epoch."""

    def __init__(self, step: int):
        self.step = step

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index):
        trainer.should_stop = trainer.global_step >= self.step


def naive(rows, vectors, ranks, margin):
    """For each row the identities of allowed negatives, the nearest first."""
    queries, documents = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in vectors)
    allowed = []
    for row, query in enumerate(rows.queries):
        answers = {d for q, d in zip(rows.queries, rows.documents[0]) if q == query}
        cosine = {text: float(vector @ queries[row]) for text, vector in zip(rows.documents[0], documents)}
        nearest = sorted(set(rows.documents[0]) - answers, key=lambda text: -cosine[text])[ranks[0] - 1:ranks[1]]
        best = cosine[rows.documents[0][row]]
        allowed.append(text_ids([text for text in nearest if cosine[text] <= best - margin * abs(best)]).tolist())
    return allowed


def test_the_negatives_are_those_of_a_loop_with_the_weights_of_the_epochs_start(toy_backbone, tmp_path, caplog):
    witness, data = Witness(), questions()
    miner = MineNegatives(negatives=2, ranks=(2, 7), relative_margin=0.01, sample="top")
    with caplog.at_level(logging.INFO):
        toy_trainer(tmp_path, [miner, witness]).fit(toy_module(toy_backbone), data)
    rows, right, short = data.rows("train"), 0, 0
    for epoch, vectors in enumerate(witness.vectors):
        allowed = naive(rows, vectors, (2, 7), 0.01)
        for queries, documents in witness.documents[3 * epoch:3 * epoch + 3]:
            for query, (answer, *negatives) in zip(queries, documents):
                row = next(i for i, pair in enumerate(zip(text_ids(rows.queries), text_ids(rows.documents[0])))
                           if pair == (query, answer))
                assert negatives[:len(allowed[row])] == allowed[row][:2] and len(set(negatives)) == 2
                known = {d for q, d in zip(rows.queries, rows.documents[0]) if q == rows.queries[row]}
                assert not set(text_ids(list(known))) & set(negatives)
                right += len(allowed[row]) >= 2
                short += len(allowed[row]) < 2
    assert right and short
    lines = [record.message for record in caplog.records if "negatives mined" in record.message]
    assert len(lines) == 2
    assert lines[0].startswith("epoch 0: 2 negatives mined for each of 12 pairs among 10 documents in")
    assert "by relative margin" in lines[0] and "by rank" in lines[0] and "pairs had too few and got" in lines[0]


def test_it_mines_at_the_start_of_every_nth_epoch_and_draws_before(toy_backbone, tmp_path):
    witness, miner = Witness(), MineNegatives(every_n_epochs=2, start_epoch=1, relative_margin=None)
    toy_trainer(tmp_path, [miner, witness], max_epochs=4).fit(toy_module(toy_backbone), questions(random_negatives=1))
    given = []
    for epoch in range(4):
        batches = witness.documents[3 * epoch:3 * epoch + 3]
        assert all(len(row) == 3 for _, documents in batches for row in documents)       # answer, mined, at random
        given.append({(q, row[0], row[1]) for queries, documents in batches for q, row in zip(queries, documents)})
    assert given[1] == given[2] and given[0] != given[1] != given[3]
    assert miner.epoch == 3


def fit(folder, backbone, miner, callbacks, data, **options):
    module = toy_module(backbone)
    trainer = toy_trainer(folder, [miner, *callbacks], max_epochs=3, plugins=[AtomicCheckpointIO()],
                          enable_checkpointing=True)
    trainer.fit(module, data, **options)
    return module


# In an epoch that mined, at the end of such and of one that did not, in the epoch after.
@pytest.mark.parametrize("stop, workers", [(2, 0), (3, 0), (6, 0), (5, 2), (8, 0)])
def test_a_resumed_run_goes_on_with_the_same_negatives_bit_for_bit(stop, workers, toy_backbone, tmp_path):
    data = {"random_negatives": 1, "no_duplicates": True, "num_workers": workers}

    def miner():
        return MineNegatives(negatives=2, every_n_epochs=2, ranks=(1, 6))

    def save():
        return ModelCheckpoint(tmp_path / "saved", filename="stop", every_n_train_steps=stop, save_top_k=-1,
                               save_on_exception=False)

    witness, again = Witness(), Witness()
    pl.seed_everything(1, verbose=False)
    whole = fit(tmp_path / "whole", toy_backbone, miner(), [witness], questions(**data))
    assert len(witness.losses) == 9                                                  # three epochs of three batches
    pl.seed_everything(1, verbose=False)
    fit(tmp_path / "cut", toy_backbone, miner(), [save(), StopAt(stop)], questions(**data))
    torch.manual_seed(12345)                       # another process: its random numbers stand elsewhere
    resumed = fit(tmp_path / "resumed", toy_backbone, miner(), [again, save()], questions(**data),
                  ckpt_path=tmp_path / "saved/stop.ckpt")
    assert again.documents == witness.documents[stop:] and again.losses == witness.losses[stop:]
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def half_of_a_run(rank, backbone, folder, expected):
    miner, witness = MineNegatives(negatives=2, relative_margin=0.01), Witness()
    strategy = DDPStrategy(process_group_backend="gloo")
    trainer = toy_trainer(folder, [miner, witness], devices=2, strategy=strategy, max_epochs=1)
    trainer.fit(toy_module(backbone).double(), Questions(train=ROWS, batch_size=2))
    np.testing.assert_array_equal(miner.mined, expected)
    assert all(len(row) == 3 for _, documents in witness.documents for row in documents)


def test_two_processes_mine_what_one_mines(toy_backbone, tmp_path):
    miner = MineNegatives(negatives=2, relative_margin=0.01)
    toy_trainer(tmp_path, [miner], max_epochs=1).fit(toy_module(toy_backbone).double(), questions())
    run_in_processes(2, half_of_a_run, toy_backbone, tmp_path, miner.mined)


def test_a_cross_encoder_gets_what_bm25_finds(toy_backbone, tmp_path):
    witness, data = Witness(), questions()
    witness.on_train_epoch_start = lambda trainer, module: None
    miner = MineNegatives(negatives=2, by="bm25", relative_margin=None, ranks=(1, 3), sample="top")
    toy_trainer(tmp_path, [miner, witness]).fit(toy_cross_encoder(toy_backbone), data)
    rows = data.rows("train")
    known = {(q, d) for q, d in zip(text_ids(rows.queries).tolist(), text_ids(rows.documents[0]).tolist())}
    for queries, documents in witness.documents:
        for query, (answer, *negatives) in zip(queries, documents):
            assert (query, answer) in known and len(set(negatives)) == 2
            assert not {(query, negative) for negative in negatives} & known


def test_a_fast_dev_run_trains_on_drawn_negatives_and_leaves_nothing_behind(toy_backbone, tmp_path):
    witness, data, miner = Witness(), questions(), MineNegatives(negatives=3)
    toy_trainer(tmp_path, [miner, witness], fast_dev_run=True).fit(toy_module(toy_backbone), data)
    assert miner.epoch is None and np.shape(witness.documents[0][1]) == (4, 4)
    toy_trainer(tmp_path, [witness], fast_dev_run=True).fit(toy_module(toy_backbone), data)
    assert np.shape(witness.documents[1][1]) == (4, 1)


@pytest.mark.parametrize("negatives, data, message", [
    (1, questions(scores=True), "questions and answers, but these have labels"),
    (9, questions(), "for 4 of 12 training pairs there are fewer than 9 documents"),
])
def test_runs_that_cannot_be_mined_for_are_refused_at_the_start(negatives, data, message, toy_backbone, tmp_path):
    with pytest.raises(UserError, match=message):
        toy_trainer(tmp_path, [MineNegatives(negatives)]).fit(toy_module(toy_backbone), data)


def test_a_module_without_embeddings_is_sent_to_bm25(toy_backbone, tmp_path):
    with pytest.raises(UserError, match="MineNegatives compares embeddings, and CrossEncoder has none: set `by: bm25`"):
        toy_trainer(tmp_path, [MineNegatives()]).fit(toy_cross_encoder(toy_backbone), questions())


def test_a_checkpoint_of_other_pairs_is_refused(toy_backbone, tmp_path):
    save = ModelCheckpoint(tmp_path, filename="end", every_n_train_steps=2, save_top_k=-1)
    fit(tmp_path, toy_backbone, MineNegatives(), [save, StopAt(2)], questions())
    with pytest.raises(UserError, match="mined negatives for other training pairs than these, or another number"):
        fit(tmp_path, toy_backbone, MineNegatives(negatives=2), [save], questions(), ckpt_path=tmp_path / "end.ckpt")


@pytest.mark.parametrize("wrong, message", [
    ({"every_n_epochs": 0}, "every_n_epochs is 0"), ({"start_epoch": -1}, "start_epoch -1"),
    ({"by": "chance"}, "by 'chance'"), ({"negatives": 0}, "0 negatives"), ({"ranks": (3, 2)}, "ranks 3 to 2")])
def test_wrong_settings_are_one_line(wrong, message):
    with pytest.raises(UserError, match=message):
        MineNegatives(**wrong)
