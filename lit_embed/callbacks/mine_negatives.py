"""Hard negatives that keep up with the model: mined anew while it trains, among the training data's own documents."""

import time
from dataclasses import replace
from typing import Literal

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.rank_zero import rank_zero_info
from torch import Tensor

from lit_embed.callbacks.embedding import embed_stored
from lit_embed.callbacks.training_pairs import drawn, places_of, task_of, texts_of
from lit_embed.distributed import gather, gather_examples, rank, world_size
from lit_embed.errors import UserError
from lit_embed.search import Bm25
from lit_embed.search.candidates import ByVectors, ByWords
from lit_embed.search.fill_up import fill_up
from lit_embed.search.mining import Source, mine
from lit_embed.search.negatives import Rules


class MineNegatives(pl.Callback):
    """Gives each training pair hard negatives, mined with the weights at the start of every n-th epoch.

    Until the first time, and for pairs with too few candidates within the rules, they are drawn at random. They stand
    behind the negatives of the data and before `data.random_negatives`, which go on as they are. What was mined is in
    every checkpoint, so that a run resumed in the middle of an epoch goes on with the same batches.

    negatives          how many for each pair
    every_n_epochs     how often they are mined
    start_epoch        the first time; 0 mines with the weights that training starts from
    by                 who brings the candidates: "model", or "bm25", as a cross-encoder needs
    ranks              first and last rank of the candidates, from 1, known answers not counted
    relative_margin    a negative scores at most this share below its answer (0.05: 5 % below), None: no such rule
    max_score          and at most this
    sample             "random": any candidate within the rules, others each time; "top": the highest scores
    seed               of everything random
    """

    def __init__(self, negatives: int = 1, every_n_epochs: int = 1, start_epoch: int = 0,
                 by: Literal["model", "bm25"] = "model", ranks: tuple[int, int] = (1, 100),
                 relative_margin: float | None = 0.05, max_score: float | None = None,
                 sample: Literal["top", "random"] = "random", seed: int = 42):
        if every_n_epochs < 1 or start_epoch < 0:
            raise UserError(f"MineNegatives: every_n_epochs is {every_n_epochs} and start_epoch {start_epoch}; the "
                            "first is 1 or more, the second 0 or more")
        if by not in ("model", "bm25"):
            raise UserError(f"MineNegatives: by {by!r}: there are model and bm25")
        self.rules = Rules(negatives, sample, seed, tuple(ranks), None, relative_margin, max_score)
        self.every_n_epochs, self.start_epoch, self.by = every_n_epochs, start_epoch, by
        self.epoch: int | None = None                             # when it was mined last
        self.mined: np.ndarray | None = None                      # (N, n) places in the documents' store
        self._restored: Tensor | None = None                      # (N, n) identities of what a checkpoint holds
        self._words: ByWords | None = None

    def setup(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        if stage != "fit":
            return
        if not hasattr(trainer.datamodule, "pairs"):
            raise UserError("MineNegatives mines for one data set of lit_embed.data, and this run trains on "
                            f"{type(trainer.datamodule).__name__}")
        if self.by == "model" and not hasattr(module.encoder, "encode"):
            raise UserError(f"MineNegatives compares embeddings, and {type(module).__name__} has none: set `by: bm25`")
        self.pairs = trainer.datamodule.pairs("train")
        if not hasattr(self.pairs, "document_places"):
            raise UserError("MineNegatives searches all training pairs, and a stream never has them together: mine ahead, with "
                            "`lit-embed mine`")
        if self.pairs.labels is not None:
            raise UserError("MineNegatives needs training pairs that are questions and answers, but these have labels")
        self.epoch, self._restored, self._words = None, None, None
        self.task, self.passages = task_of(self.pairs)
        self._give(drawn(self.task, self.rules))         # as many choices from the first batch on, which losses check

    def teardown(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        if stage == "fit":
            self.pairs.mined = None

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if self._restored is not None:
            self.mined = self.pairs.mined = places_of(self.pairs, self._restored.numpy(), self.rules.count)
        # A run that goes on after the last batch of an epoch enters the next one without on_train_epoch_start.
        self._mine_if_due(trainer, module)

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._mine_if_due(trainer, module)

    def _mine_if_due(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        epoch = trainer.fit_loop.epoch_progress.current.processed        # that of the next batch: as set_epoch is told
        since_start = epoch - self.start_epoch
        if trainer.fast_dev_run or epoch == self.epoch or since_start < 0 or since_start % self.every_n_epochs:
            return
        began = time.perf_counter()
        rules = replace(self.rules, seed=self.rules.seed + 1_000_003 * epoch)             # other ones each time
        source = self._source(trainer, module)
        rows = np.arange(len(self.task))[rank()::world_size()]                            # (n,) this process's share
        share = replace(self.task, question=self.task.question[rows], answer=self.task.answer[rows])
        mined = mine(share, source, rules)
        filled = fill_up(share, mined, rules, source.score)
        counts = torch.tensor([[*mined.counts.values(), len(mined.short)]], device=module.device)
        rows, places = (torch.from_numpy(each).to(module.device) for each in (rows, filled.places))
        self._give(gather_examples(rows, places, len(self.task)).cpu().numpy())
        self.epoch = epoch
        self._say(dict(zip([*mined.counts, "short"], gather(counts).sum(dim=0).tolist())), time.perf_counter() - began)

    def _source(self, trainer: pl.Trainer, module: pl.LightningModule) -> Source:
        stores = self.pairs.queries, self.pairs.documents
        if self.by == "model":
            places = stores[0].places(self.task.identities), self.passages
            return ByVectors(*(embed_stored(trainer, module, store, where, f"mining: {len(where):,} {name}")
                               for store, where, name in zip(stores, places, ("questions", "documents"))))
        if self._words is None:                                   # the same in every epoch
            questions, passages = (texts_of(trainer.datamodule, identities) for identities in
                                   (self.task.identities, stores[1].identities[self.passages]))
            self._words = ByWords(questions, Bm25.build(passages))
        return self._words

    def _give(self, passages: np.ndarray) -> None:                # (N, n) numbers of passages
        if few := int((passages < 0).any(axis=1).sum()):
            raise UserError(f"MineNegatives: for {few} of {len(self.task)} training pairs there are fewer than "
                            f"{self.rules.count} documents that do not answer them; ask for fewer negatives")
        self.mined = self.pairs.mined = self.passages[passages]

    def _say(self, counts: dict[str, int], seconds: float) -> None:
        left, candidates, short = (counts.pop(name) for name in ("left", "candidates", "short"))
        removed = ", ".join(f"{count:,} by {name}" for name, count in counts.items() if count)
        rank_zero_info(f"epoch {self.epoch}: {self.rules.count} negatives mined for each of {len(self.task):,} pairs "
                       f"among {len(self.passages):,} documents in {seconds:.1f} s; of {candidates:,} candidates "
                       f"{left:,} were left (removed: {removed or 'none'}); {short:,} pairs had too few and got others "
                       "at random")

    def state_dict(self) -> dict:
        if self.mined is None:
            return {}
        return {"epoch": self.epoch, "identities": torch.from_numpy(self.pairs.documents.identities[self.mined])}

    def load_state_dict(self, state: dict) -> None:
        self.epoch, self._restored = state.get("epoch"), state.get("identities")
