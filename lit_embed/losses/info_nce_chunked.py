"""InfoNCE for large batches: some rows at a time against all columns, so that no matrix of all similarities exists."""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from lit_embed.distributed import gather_with_grad, rank, world_size
from lit_embed.losses.full_precision import in_full_precision
from lit_embed.losses.same_text import SameText

LARGEST = 2**24      # similarities held at a time unless said otherwise: 64 MB in float32
SHORTEST = 1e-12     # as in F.normalize: no embedding is divided by less


@in_full_precision
def info_nce_chunked(queries: Tensor, documents: Tensor, temperature: float | Tensor = 0.05,
                     query_ids: Tensor | None = None, document_ids: Tensor | None = None,
                     chunk: int | None = None) -> Tensor:
    """`info_nce` in value and gradient, holding `chunk` rows of similarities instead of B.

    queries        (B, D)
    documents      (B, C, D)      documents[i, 0] answers queries[i]; documents[i, 1:] are its hard negatives
    temperature    ()             a learnable one may be a tensor
    query_ids      (B,)           identity of the texts, to leave out what `same_text` names; None: every column counts
    document_ids   (B, C)
    chunk          rows at a time; None: as many as make LARGEST similarities
    returns        ()             mean over this process's B queries; it can be differentiated once
    """
    batch, choices, _ = documents.shape
    everyones = gather_with_grad(documents).flatten(0, 1)                                      # (W*B*C, D)
    same = None if query_ids is None else SameText(query_ids, document_ids)
    answers = (torch.arange(batch, device=queries.device) + rank() * batch) * choices          # (B,) where mine landed
    chunk = chunk or max(1, LARGEST // len(everyones))
    return _InfoNCE.apply(queries, everyones, temperature, answers, same, chunk)


def symmetric_info_nce_chunked(images: Tensor, texts: Tensor, temperature: float | Tensor = 0.05,
                               chunk: int | None = None, image_ids: Tensor | None = None,
                               text_ids: Tensor | None = None) -> Tensor:
    """`symmetric_info_nce` by chunks: images choose among texts, then texts among images.  (B, D), (B, D), ids (B,) -> ()"""
    of_images, of_texts = (None, None) if image_ids is None else (image_ids.unsqueeze(1), text_ids.unsqueeze(1))     # (B, 1)
    find_text = info_nce_chunked(images, texts.unsqueeze(1), temperature, image_ids, of_texts, chunk)
    find_image = info_nce_chunked(texts, images.unsqueeze(1), temperature, text_ids, of_images, chunk)
    return (find_text + find_image) / 2


def too_many_at_once(batch: int, choices: int) -> bool:
    """Whether the similarities of a batch of this size on each process are better not held all together."""
    return batch * world_size() * batch * choices > LARGEST


class _InfoNCE(torch.autograd.Function):
    """Each row sees all its columns in its block, so its softmax, and with it the gradient, is known going forward.

    With s the logits (cosine over temperature) of a row and p their softmax: d loss / d s = p - onehot(answer).
    """

    @staticmethod
    def forward(ctx, queries: Tensor, columns: Tensor, temperature: float | Tensor, answers: Tensor,
                same: SameText | None, chunk: int) -> Tensor:                        # (B, D), (W*B*C, D) -> ()
        unit_columns, lengths = _unit(columns)                                       # (W*B*C, D), (W*B*C, 1)
        by_queries, by_columns = torch.empty_like(queries), torch.zeros_like(columns)
        total, by_temperature = queries.new_zeros(()), queries.new_zeros(())
        scale = 1 / (temperature * len(queries))                                     # d s / d cosine, and the mean
        for start in range(0, len(queries), chunk):
            rows = slice(start, min(start + chunk, len(queries)))                    # R of them
            unit, length = _unit(queries[rows])                                      # (R, D), (R, 1)
            logits = (unit @ unit_columns.T).div_(temperature)                       # (R, W*B*C)
            if same is not None:
                logits.masked_fill_(same.rows(rows), -torch.inf)
            loss, slope = _choose(logits, answers[rows])                             # (), (R, W*B*C)
            total += loss
            if any(ctx.needs_input_grad):
                by_unit = (slope @ unit_columns).mul_(scale)                         # (R, D)
                by_columns.addmm_(slope.T, unit * scale)
                by_temperature -= (by_unit * unit).sum() / temperature               # sum of slope * cosine
                by_queries[rows] = _through_unit(by_unit, unit, length)
            del logits, slope                                                        # makes room for the next block
        if any(ctx.needs_input_grad):
            ctx.save_for_backward(by_queries, _through_unit(by_columns, unit_columns, lengths), by_temperature)
        return total / len(queries)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        found = zip(ctx.needs_input_grad, ctx.saved_tensors)
        return *(grad * by_input if needed else None for needed, by_input in found), None, None, None


def _choose(logits: Tensor, answers: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy summed over rows, and its gradient by the logits, in their place.  (R, K), (R,) -> (), (R, K)"""
    right = logits.gather(1, answers.unsqueeze(1))                                   # (R, 1)
    highest = logits.amax(dim=1, keepdim=True)                                       # (R, 1)
    weights = logits.sub_(highest).exp_()                                            # (R, K)
    sums = weights.sum(dim=1, keepdim=True)                                          # (R, 1)
    slope = weights.div_(sums)
    slope[torch.arange(len(answers), device=answers.device), answers] -= 1
    return (sums.log() + highest - right).sum(), slope


def _unit(x: Tensor) -> tuple[Tensor, Tensor]:                                       # (N, D) -> (N, D), (N, 1)
    lengths = torch.linalg.vector_norm(x, dim=1, keepdim=True).clamp_min_(SHORTEST)
    return x / lengths, lengths


def _through_unit(grad: Tensor, unit: Tensor, lengths: Tensor) -> Tensor:
    """The gradient by x from that by its unit vector, in place: along x nothing changes.  (N, D) -> (N, D)"""
    along = torch.einsum("nd,nd->n", grad, unit).unsqueeze(1)                        # (N, 1)
    return grad.addcmul_(unit, along, value=-1).div_(lengths)
