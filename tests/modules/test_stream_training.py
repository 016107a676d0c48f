"""Training on a stream that is killed and goes on, to the bit; over processes: test_mixture_training."""

import pytest
import pytorch_lightning as pl
from short_fit import Record, pairs_file, trainer_in, weights
from test_resume import SaveEvery, assert_the_rest

from lit_embed.callbacks import HitRate
from lit_embed.data import PairStream
from lit_embed.losses import InfoNCE
from lit_embed.models import TextEncoder
from lit_embed.modules import BiEncoder


@pytest.fixture(autouse=True)
def _leave_no_seed(monkeypatch) -> None:
    monkeypatch.setenv("PL_GLOBAL_SEED", "1")          # seed_everything writes it, and later tests would find it


class Killed(Exception):
    pass


class KillAfter(pl.Callback):
    def __init__(self, batches: int):
        self.batches = batches

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index):
        if trainer.fit_loop.total_batch_idx + 1 == self.batches:
            raise Killed


def stream(path: str, batch_size: int = 8, **settings) -> PairStream:
    return PairStream(path=path, batch_size=batch_size, buffer=16, held_out=8, negatives="wrong", **settings)


def fit(folder, backbone, path, *callbacks, after=None, **settings) -> tuple:
    """Two epochs of four batches, or what is left of them.  -> the texts and the loss of each batch, the last weights"""
    pl.seed_everything(12345 if after else 1, verbose=False)
    module, record = BiEncoder(TextEncoder(backbone, max_length=32), InfoNCE(0.1), learning_rate=1e-3), Record()
    trainer_in(folder, max_epochs=2, callbacks=[record, *callbacks]).fit(module, stream(path, **settings), ckpt_path=after)
    return record.ids, record.losses, weights(module)


@pytest.mark.parametrize("killed, saved, workers", [(3, 2, 0), (7, 6, 2)])
def test_a_run_that_was_killed_goes_on_to_the_bit(killed, saved, workers, toy_backbone, tmp_path):
    path, evaluation = pairs_file(tmp_path), HitRate()
    whole = fit(tmp_path, toy_backbone, path, evaluation)
    with pytest.raises(Killed):
        fit(tmp_path, toy_backbone, path, SaveEvery(tmp_path), KillAfter(killed))
    assert_the_rest(fit(tmp_path, toy_backbone, path, after=tmp_path / f"{saved}.ckpt", num_workers=workers), whole, saved)
    assert len(whole[0]) == 8 and evaluation.found.corpus == 8
