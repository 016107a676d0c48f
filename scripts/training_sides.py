"""The two training loops of benchmark_training.py and benchmark_memory.py, stopped every few steps for the other's turn."""

import time

import torch
from turns import clear_peak, peak_mb, tell, wait

RECIPE = {"learning_rate": 2e-5, "weight_decay": 0.01, "warmup_steps": 100, "temperature": 0.05}
ENDLESS = 1_000_000                                   # epochs: who measures ends it


class Turns:
    """Counts the steps of a loop; every `steps` of them a turn is told and the next one waited for."""

    def __init__(self, job: dict, extra: dict):
        self.steps, self.pairs, self.extra = job["steps"], job["steps"] * job["batch"], extra
        self.device, self.done, self.losses = job["device"], 0, []

    def begin(self) -> None:
        wait()
        self.start()

    def start(self) -> None:
        self.losses = []
        clear_peak()
        if self.device == "cuda":
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        self.started = time.perf_counter()

    def step(self, loss: torch.Tensor | None = None) -> None:
        self.done += 1
        if loss is not None:
            self.losses.append(loss.detach())
        if self.done % self.steps:
            return
        if self.device == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - self.started
        memory = {"peak_mb": torch.cuda.max_memory_allocated() / 2**20 if self.device == "cuda" else peak_mb()}
        if self.losses:
            memory["loss"] = float(torch.stack(self.losses).mean())
        tell({"seconds": seconds, "pairs_per_s": self.pairs / seconds, **memory, **self.extra})
        wait()
        self.start()


def ours(job: dict) -> None:
    import pytorch_lightning as pl

    from lit_embed.data import Pairs
    from lit_embed.losses import CosineRegression, InfoNCE
    from lit_embed.models import TextEncoder
    from lit_embed.modules import BiEncoder
    from lit_embed.run.allocator import keep_freed_memory
    from lit_embed.run.messages import quiet

    quiet()
    keep_freed_memory()                               # as `lit-embed fit` does
    pl.seed_everything(job["seed"], verbose=False)
    labels = {} if job["loss"] == "info_nce" else {"label": "label", "score_range": (0, 1)}
    data = Pairs(path=job["pairs"], query="first", document="second", batch_size=job["batch"], validation=0.01,
                 seed=job["seed"], cache=job["folder"], **labels)
    budget = {} if job.get("max_tokens") is None else {"max_tokens": job["max_tokens"]}
    encoder = TextEncoder(job["backbone"], pooling="mean", max_length=job["max_length"], **budget)
    loss = InfoNCE(RECIPE["temperature"]) if job["loss"] == "info_nce" else CosineRegression()
    module = BiEncoder(encoder, loss, RECIPE["learning_rate"], RECIPE["weight_decay"], RECIPE["warmup_steps"])
    extra = {"first_loss": first_loss_of_ours(module, job), "parameters": sum(p.numel() for p in products(encoder))}

    class Callback(pl.Callback):
        def on_train_start(self, trainer, module):
            self.turns = Turns(job, extra)
            self.turns.begin()

        def on_train_batch_end(self, trainer, module, outputs, batch, index):
            self.turns.extra["tokens_per_pair"] = (len(batch.queries.ids) + len(batch.documents.ids)) / len(batch)
            self.turns.step(outputs["loss"])

    precision = "32-true" if job["precision"] == "float32" else {"bfloat16": "bf16-mixed", "float16": "16-mixed"}[job["precision"]]
    trainer = pl.Trainer(max_epochs=ENDLESS, precision=precision, callbacks=[Callback()], logger=False, devices=1,
                         gradient_clip_val=1.0, enable_checkpointing=False, limit_val_batches=0, num_sanity_val_steps=0,
                         enable_progress_bar=False, enable_model_summary=False,
                         accelerator="gpu" if job["device"] == "cuda" else "cpu")
    trainer.fit(module, data)


def products(encoder: torch.nn.Module) -> list[torch.Tensor]:
    """Weights that every token is multiplied with; a table of embeddings is only read."""
    return [layer.weight for layer in encoder.modules() if isinstance(layer, torch.nn.Linear)]


def first_loss_of_ours(module: torch.nn.Module, job: dict) -> float:
    """Of the first rows before any training, without dropout, in float32: both sides must say the same."""
    from lit_embed.batches import PairBatch, Tokens, text_ids

    first, second = job["rows"]
    module.eval()

    def tokens(texts: list[str]) -> Tokens:
        ids, lengths, _ = module.encoder.tokenizer.tokenize(texts)
        return Tokens(torch.from_numpy(ids.copy()), torch.from_numpy(lengths).long())

    batch = PairBatch(tokens(first), tokens(second), torch.tensor(job["labels"]),
                      torch.from_numpy(text_ids(first)), torch.from_numpy(text_ids(second)).unsqueeze(1))
    with torch.no_grad():
        value = float(module.loss(*module.embed(batch), batch))
    module.train()
    return value


def peer(job: dict) -> None:
    from datasets import load_dataset
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments, losses, models
    from sentence_transformers.training_args import BatchSamplers
    from transformers import TrainerCallback

    transformer = models.Transformer(job["backbone"], max_seq_length=job["max_length"])
    model = SentenceTransformer(modules=[transformer, models.Pooling(transformer.get_embedding_dimension(), "mean")],
                                device=job["device"])
    rows = load_dataset("parquet", data_files=job["pairs"], split="train")
    if job["loss"] == "info_nce":
        rows, scale = rows.select_columns(["first", "second"]), 1 / RECIPE["temperature"]
        loss = (losses.CachedMultipleNegativesRankingLoss(model, scale=scale, mini_batch_size=job["mini_batch"]) if job.get("mini_batch")
                else losses.MultipleNegativesRankingLoss(model, scale=scale))
    else:
        loss = losses.CosineSimilarityLoss(model)
    extra = {"first_loss": first_loss_of_peer(model, loss, job)}

    class Callback(TrainerCallback):
        def on_train_begin(self, *_, **__):
            self.turns = Turns(job, extra)
            self.turns.begin()

        def on_step_end(self, *_, **__):
            self.turns.step()

    precision = {} if job["precision"] == "float32" else {{"bfloat16": "bf16", "float16": "fp16"}[job["precision"]]: True}
    arguments = SentenceTransformerTrainingArguments(
        output_dir=job["folder"], num_train_epochs=ENDLESS, per_device_train_batch_size=job["batch"], seed=job["seed"],
        learning_rate=RECIPE["learning_rate"], weight_decay=RECIPE["weight_decay"], warmup_steps=RECIPE["warmup_steps"],
        use_cpu=job["device"] == "cpu", optim="adamw_torch_fused", max_grad_norm=1.0, dataloader_drop_last=True,
        batch_sampler=BatchSamplers.BATCH_SAMPLER, save_strategy="no", report_to="none", disable_tqdm=True,
        logging_strategy="no", **precision)
    SentenceTransformerTrainer(model=model, args=arguments, train_dataset=rows, loss=loss, callbacks=[Callback()]).train()


def first_loss_of_peer(model: torch.nn.Module, loss: torch.nn.Module, job: dict) -> float:
    model.eval()
    features = [{name: value.to(job["device"]) for name, value in model.preprocess(texts).items() if torch.is_tensor(value)}
                for texts in job["rows"]]
    with torch.no_grad():
        value = float(loss(features, torch.tensor(job["labels"], device=job["device"])))
    model.train()
    return value
