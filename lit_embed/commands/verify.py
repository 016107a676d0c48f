"""`lit-embed verify`: is the gradient of a batch the same however it is run?

    lit-embed verify --world 4
    lit-embed verify --world 2 --model checkpoints/quickstart/model --json certificate.json

Every loss, on a batch of random tokens with hard negatives and repeated texts: in micro-batches that are recomputed,
in chunks of similarities, accumulated, and all of these shared out over processes; against one process with the whole
batch in one pass, in float32 and in bf16. Exit status 1 if a gradient deviates.
"""

import argparse
import json
import logging
import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn

from lit_embed import __version__
from lit_embed.batches import PairBatch
from lit_embed.errors import UserError
from lit_embed.files import write_beside
from lit_embed.losses import (BinaryRelevance, CoSENT, CosineRegression, GuidedInfoNCE, InfoNCE, KLDistillation,
                              ListwiseSoftmax, LossBySet, MarginMSE, Matryoshka, PairClassification, SigmoidPairs,
                              SoftmaxClassification, SymmetricInfoNCE, Triplet)
from lit_embed.models import TextEncoder, TextPairScorer
from lit_embed.modules import BiEncoder, CrossEncoder
from lit_embed.run.arguments import one_line_parser
from lit_embed.run.certificate import Comparison, compare_all
from lit_embed.run.certificate_table import NOTES, table, verdict
from lit_embed.run.messages import quiet
from lit_embed.run.tiny_model import write_tiny_model
from lit_embed.run.ways import Loss, ways


def bi_encoder(loss: type[nn.Module], settings: dict, model: str) -> BiEncoder:
    torch.manual_seed(0)                                # of new weights, which are to be the same in all processes
    return BiEncoder(TextEncoder.from_folder(model), loss(**settings))


def matryoshka(model: str) -> BiEncoder:
    torch.manual_seed(0)
    encoder = TextEncoder.from_folder(model)
    return BiEncoder(encoder, Matryoshka(InfoNCE(**LEARNABLE), [encoder.width, encoder.width // 4]))


def guided(model: str) -> BiEncoder:
    module, ids = bi_encoder(GuidedInfoNCE, LEARNABLE, model), torch.arange(1000)      # those of a random batch are small
    module.loss.take_guide(*((ids, torch.randn(1000, 8)) for _ in range(2)))
    return module


def by_set(model: str) -> BiEncoder:
    torch.manual_seed(0)
    return BiEncoder(TextEncoder.from_folder(model), LossBySet({"pairs": InfoNCE(**LEARNABLE), "classes": SoftmaxClassification(3)},
                                                               {"pairs": 2.0}))


def of_the_set_of_pairs(module: BiEncoder, batch: PairBatch) -> Tensor:
    batch.source = "pairs"
    return of_embeddings(module, batch)


def of_embeddings(module: BiEncoder, batch: PairBatch) -> Tensor:
    return module.loss(*module.embed(batch), batch)


def cross_encoder(loss: type[nn.Module], num_labels: int, model: str) -> CrossEncoder:
    logging.getLogger("lit_embed.models").setLevel(logging.ERROR)      # that a head is new is no news here
    torch.manual_seed(0)
    return CrossEncoder(TextPairScorer(model, num_labels, max_length=32), loss())


def of_logits(module: CrossEncoder, batch: PairBatch) -> Tensor:
    return module.loss(module.logits(batch), batch)


LEARNABLE = {"temperature": 0.05, "learnable": True}
LOSSES = [
    Loss("InfoNCE", partial(bi_encoder, InfoNCE, LEARNABLE), of_embeddings, mean_over_rows=False, chunked=True),
    Loss("SymmetricInfoNCE", partial(bi_encoder, SymmetricInfoNCE, LEARNABLE), of_embeddings, mean_over_rows=False,
         chunked=True),
    Loss("SigmoidPairs", partial(bi_encoder, SigmoidPairs, {}), of_embeddings, mean_over_rows=False),
    Loss("CosineRegression", partial(bi_encoder, CosineRegression, {}), of_embeddings, "scores", choices=1),
    Loss("SoftmaxClassification", partial(bi_encoder, SoftmaxClassification, {}), of_embeddings, "classes", choices=1),
    Loss("CoSENT", partial(bi_encoder, CoSENT, {}), of_embeddings, "scores", choices=1, mean_over_rows=False),
    Loss("Triplet", partial(bi_encoder, Triplet, {}), of_embeddings),
    Loss("MarginMSE", partial(bi_encoder, MarginMSE, {"similarity": "cosine", "scale": 10.0}), of_embeddings, "teacher"),
    Loss("KLDistillation", partial(bi_encoder, KLDistillation, {}), of_embeddings, "teacher"),
    Loss("Matryoshka", matryoshka, of_embeddings, mean_over_rows=False, chunked=True),
    Loss("GuidedInfoNCE", guided, of_embeddings, mean_over_rows=False),
    Loss("LossBySet", by_set, of_the_set_of_pairs, mean_over_rows=False),
    Loss("BinaryRelevance", partial(cross_encoder, BinaryRelevance, 1), of_logits),
    Loss("PairClassification", partial(cross_encoder, PairClassification, 3), of_logits, "classes", choices=1),
    Loss("ListwiseSoftmax", partial(cross_encoder, ListwiseSoftmax, 1), of_logits),
]


def run(arguments: list[str]) -> None:
    """arguments: "verify" and its options, as typed."""
    options = parser().parse_args(arguments[1:])
    if options.world < 2:
        raise UserError(f"--world {options.world}: give the number of processes, 2 or more")
    quiet()
    torch.set_num_threads(1)                            # the other processes need the cores too
    tolerances = {"float32": options.tolerance, "bf16": options.tolerance_bf16}
    with tempfile.TemporaryDirectory(prefix="lit-embed-") as folder:
        if options.model is None:
            write_tiny_model(folder)
        found = compare_all(LOSSES, options.model or folder, options.world, tolerances, options.timeout)
        count = len(tolerances) * sum(len(list(ways(loss, options.world))) for loss in LOSSES)
        comparisons = list(track(found, "comparing", count, console=Console(stderr=True), transient=True))
    last_line = verdict(comparisons, options.world)
    Console(width=124).print(table(comparisons))
    print(NOTES.format(**tolerances), last_line, sep="\n")
    if options.json:
        write_json(Path(options.json), comparisons, last_line, options.world)
    if not all(comparison.holds for comparison in comparisons):
        raise SystemExit(1)


def write_json(file: Path, comparisons: list[Comparison], last_line: str, world: int) -> None:
    rows = [{"loss": each.loss.name, "run": each.way.name, "precision": each.precision, **asdict(each.difference),
             "tolerance": each.tolerance, "holds": each.holds} for each in comparisons]
    content = {"verdict": last_line, "verified": all(each.holds for each in comparisons), "world": world,
               "versions": {"lit_embed": __version__, "torch": torch.__version__}, "comparisons": rows}
    with write_beside(file) as beside:
        beside.write_text(json.dumps(content, indent=1), encoding="utf8")


def parser() -> argparse.ArgumentParser:
    made = one_line_parser("verify", __doc__)
    made.add_argument("--world", type=int, default=2, help="processes to share the batch out over (default: 2)")
    made.add_argument("--model", help="folder with a model (default: a tiny BERT of random weights, made on the spot)")
    made.add_argument("--tolerance", type=float, default=1e-5, help="largest deviation in float32 (default: 1e-5)")
    made.add_argument("--tolerance_bf16", type=float, default=5e-2, help="largest deviation in bf16 (default: 5e-2)")
    made.add_argument("--timeout", type=float, default=60,
                      help="seconds to wait for the processes' next gradient (default: 60)")
    made.add_argument("--json", help="write every figure into this file too")
    return made
