"""Does a caption find its photo, and a photo its captions? Recall@1, @5, @10 and MRR both ways, at every validation and test."""

import numpy as np
import pytorch_lightning as pl

from lit_embed.batches import CaptionedImages
from lit_embed.callbacks.embedding import embed, embed_images, from_first_process
from lit_embed.callbacks.evaluation import FEW, WORST, Evaluated, Evaluation, data_of, log_worst
from lit_embed.callbacks.samples import samples
from lit_embed.distributed import rank
from lit_embed.errors import UserError
from lit_embed.metrics import hit_rate, mrr
from lit_embed.search.retrieval import Ranking, RetrievalTask, distinct, rank_answers


class ImageTextRecall(Evaluation):
    """Logs text_to_image_recall@1, @5, @10, text_to_image_mrr@10, and the same of image_to_text.

    Every caption of a split is searched for among its images, every image among its captions. As is usual for images with
    several captions, recall@k asks whether any right one is among the first k. Equal captions are one, with several images.

    data      whose images; None: the training data module
    split     "train", "validation" or "test"; None: test while testing, else validation
    prefix    before each logged name, to tell two such callbacks apart
    """

    needs = "encode_images"

    def evaluate(self, trainer: pl.Trainer, module: pl.LightningModule, split: str) -> dict[str, float]:
        """The eight figures of a split, equal on all processes, which must all call this."""
        found, task = self.task(trainer, split)
        images = embed_images(trainer, module, found.images)                                         # (N, D)
        texts = embed(trainer, module, task.questions, "query")                                      # (Q, D)
        few = slice(None) if rank() == 0 else slice(0)                 # only process 0 searches
        to_image = rank_answers(texts[few], images, task.answers[few])
        to_text = rank_answers(images[few], texts, _captions_of(task, len(images))[few])
        metrics = from_first_process(_figures(self.prefix + "text_to_image_", to_image)
                                     | _figures(self.prefix + "image_to_text_", to_text), module.device)
        shown = samples(task.questions, task.corpus, to_image.nearest, to_image.relevance) if rank() == 0 else []
        self.found = Evaluated(metrics, len(images), shown)
        if rank() == 0:
            log_worst(trainer, f"{self.prefix}text_to_image", *_worst(task, to_image))
        return metrics

    def read(self, trainer: pl.Trainer, split: str) -> tuple[CaptionedImages, RetrievalTask]:
        """The images of a split, and its distinct captions as questions whose answers are places of images.

        Raises
            UserError   the data holds no images, or none in this split
        """
        source = data_of(trainer, self.data)
        if not hasattr(source, "images"):
            raise UserError(f"ImageTextRecall needs images with captions, which {type(source).__name__} has not: give it data "
                            "of lit_embed.data.ImageText")
        found = source.images(split)
        if trainer.fast_dev_run:
            found = found.take(np.arange(min(FEW, len(found))))
        if not len(found):
            raise UserError(f"{type(source).__name__} has no {split} images to evaluate")
        texts, places = distinct([text for own in found.captions for text in own])                   # Q texts, (M,)
        image = np.repeat(np.arange(len(found)), [len(own) for own in found.captions])               # (M,)
        return found, RetrievalTask(texts, found.names, [np.unique(image[places == text]) for text in range(len(texts))])


def _captions_of(task: RetrievalTask, images: int) -> list[np.ndarray]:
    """For each image the places of its captions among the questions."""
    own: list[list[int]] = [[] for _ in range(images)]
    for text, answers in enumerate(task.answers):
        for image in answers:
            own[image].append(text)
    return [np.array(texts, dtype=np.int64) for texts in own]


def _figures(prefix: str, ranking: Ranking) -> dict[str, float]:
    found = ranking.relevance                                                                        # (Q, K)
    return {f"{prefix}recall@{k}": hit_rate(found, k) for k in (1, 5, 10)} | {f"{prefix}mrr@10": mrr(found, 10)}


def _worst(task: RetrievalTask, ranking: Ranking) -> tuple[list[str], list[list[object]]]:
    """Captions whose image came last."""
    worst = np.argsort(-ranking.rank, kind="stable")[:WORST]
    rows = [[task.questions[i], task.corpus[task.answers[i][0]], int(ranking.rank[i]), task.corpus[ranking.nearest[i, 0]]]
            for i in worst]
    return ["caption", "image", "rank_of_image", "found_first"], rows
