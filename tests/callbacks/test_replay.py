"""The log of a run's steps: what was computed, the same for a resumed run and however a batch is shared out."""

import hashlib

import pytest
import pytorch_lightning as pl
import torch
from toy_run import ToyData, toy_module, toy_trainer
from toys import run_in_processes

from lit_embed.callbacks import Replay
from lit_embed.callbacks.replay import HEADER, read_replay
from lit_embed.errors import UserError
from lit_embed.files import AtomicCheckpointIO


class Witness(pl.Callback):
    """Each step's texts, loss and gradient, by hand."""

    def __init__(self):
        self.seen = []

    def on_before_optimizer_step(self, trainer, module, optimizer):
        self.norm = torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None]).norm().item()

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        rows = [identity for query, documents in zip(batch.query_ids.tolist(), batch.document_ids.tolist())
                for identity in (query, *documents)]
        digest = hashlib.blake2b(b"".join(i.to_bytes(8, "little", signed=True) for i in rows), digest_size=8)
        self.seen.append((digest.hexdigest(), outputs["loss"].item(), self.norm))


class Killed(Exception):
    pass


class KillAfter(pl.Callback):
    def __init__(self, step: int):
        self.step = step

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        if trainer.global_step == self.step:
            raise Killed


def fit(folder, backbone, callbacks=(), data=None, ckpt_path=None, dropout=True, **changes):
    torch.manual_seed(1)
    module = toy_module(backbone)
    for part in module.modules() if not dropout else []:
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0                                          # each process would draw its own
    trainer = toy_trainer(folder, [Replay(), *callbacks], plugins=[AtomicCheckpointIO()], max_epochs=3, **changes)
    trainer.fit(module, ToyData(batch_size=4) if data is None else data, ckpt_path=ckpt_path)
    return list(read_replay(folder).values()) if trainer.is_global_zero else None


def test_a_line_a_step_with_the_texts_the_loss_and_the_gradient_before_clipping(toy_backbone, tmp_path):
    witness = Witness()
    steps = fit(tmp_path, toy_backbone, [witness], gradient_clip_val=0.01)
    assert [(each.step, each.epoch) for each in steps] == [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (6, 2)]
    assert [(each.texts, each.loss) for each in steps] == [seen[:2] for seen in witness.seen]     # to the bit
    assert [each.gradient_norm for each in steps] == pytest.approx([seen[2] for seen in witness.seen], rel=1e-5)
    assert min(each.gradient_norm for each in steps) > 0.01
    fit(tmp_path, toy_backbone, gradient_clip_val=0.01)            # a run from the start begins a new log
    assert list(read_replay(tmp_path).values()) == steps


@pytest.mark.parametrize("saved, killed", [(2, 3), (3, 4)])                # at the end of an epoch and in the middle
def test_a_run_resumed_in_the_middle_leaves_the_same_log(saved, killed, toy_backbone, tmp_path):
    def save():
        return pl.callbacks.ModelCheckpoint(tmp_path, filename="{step}", every_n_train_steps=saved, save_top_k=-1)

    fit(tmp_path / "whole", toy_backbone)
    with pytest.raises(Killed):
        fit(tmp_path / "cut", toy_backbone, [KillAfter(killed), save()], enable_checkpointing=True)
    file = tmp_path / "cut/replay.csv"
    assert len(read_replay(tmp_path / "cut")) == killed
    with open(file, "a") as log:
        log.write("9,0,half a li")                                 # what a kill in the middle of a write leaves
    torch.manual_seed(12345)
    fit(tmp_path / "cut", toy_backbone, [save()], ckpt_path=tmp_path / f"step={saved}.ckpt", enable_checkpointing=True)
    assert file.read_bytes() == (tmp_path / "whole/replay.csv").read_bytes()


def test_micro_steps_are_one_line_with_the_hash_of_the_whole_batch(toy_backbone, tmp_path):
    whole = fit(tmp_path / "whole", toy_backbone)
    parts = fit(tmp_path / "parts", toy_backbone, data=ToyData(batch_size=2), accumulate_grad_batches=2)
    assert [(each.step, each.texts) for each in parts] == [(each.step, each.texts) for each in whole]


def test_a_checkpoint_in_the_middle_of_a_step_goes_on_in_it(toy_backbone, tmp_path):
    settings = {"data": ToyData(batch_size=2), "accumulate_grad_batches": 2}
    class Save(pl.Callback):
        def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
            trainer.save_checkpoint(tmp_path / f"{trainer.fit_loop.total_batch_idx + 1}.ckpt")

    whole = fit(tmp_path / "whole", toy_backbone, [Save()], **settings)
    for seen in (5, 6):                                            # batches: in the third step, and at its end
        resumed = fit(tmp_path / f"after {seen}", toy_backbone, ckpt_path=tmp_path / f"{seen}.ckpt", **settings)
        assert resumed == whole[seen // 2:]


def half_of_a_run(rank, backbone, folder):
    strategy = pl.strategies.DDPStrategy(process_group_backend="gloo")
    fit(folder, backbone, data=ToyData(batch_size=2), dropout=False, devices=2, strategy=strategy)


def test_two_processes_write_what_one_with_the_whole_batch_writes(toy_backbone, tmp_path):
    one = fit(tmp_path / "one", toy_backbone, dropout=False)
    run_in_processes(2, half_of_a_run, toy_backbone, tmp_path / "two")
    two = list(read_replay(tmp_path / "two").values())
    assert [(each.step, each.texts) for each in two] == [(each.step, each.texts) for each in one]
    for name in ("loss", "gradient_norm"):
        assert [getattr(each, name) for each in two] == pytest.approx([getattr(each, name) for each in one], rel=1e-3)


def test_a_fast_dev_run_leaves_nothing(toy_backbone, tmp_path):
    toy_trainer(tmp_path, [Replay()], fast_dev_run=True).fit(toy_module(toy_backbone), ToyData(batch_size=4))
    assert not (tmp_path / "replay.csv").exists()


def test_a_log_that_cannot_be_read_is_said_in_one_line(tmp_path):
    with pytest.raises(UserError, match="has no replay.csv: give the folder of a run"):
        read_replay(tmp_path)
    (tmp_path / "replay.csv").write_text("loss\n")
    with pytest.raises(UserError, match="is not the log of a run"):
        read_replay(tmp_path)
    (tmp_path / "replay.csv").write_text(HEADER + "1,0,ab,0.5,1.5\n2,0,ab,much,1.5\n")
    with pytest.raises(UserError, match="replay.csv, line 3: .* expected, but '2,0,ab,much,1.5' found"):
        read_replay(tmp_path)
    (tmp_path / "replay.csv").write_text(HEADER + "1,0,ab,nan,inf\n2,0,ab,0.")
    assert [each.gradient_norm for each in read_replay(tmp_path).values()] == [float("inf")]
