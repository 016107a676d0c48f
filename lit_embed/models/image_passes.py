"""Many pictures through a tower in several passes: embedded one batch after the other, or trained with the gradient of one."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor, nn

from lit_embed.distributed import is_sharded
from lit_embed.models.images import open_image
from lit_embed.models.inference import inferring
from lit_embed.models.micro_batches import in_micro_batches

if TYPE_CHECKING:
    from PIL.Image import Image

AT_ONCE = 64            # pictures of a pass while embedding


def in_passes(encoder: nn.Module, run: Callable[[Tensor], Tensor], count: int) -> Tensor:
    """run(places (n,)) -> (n, D) for all `count` rows, `encoder.micro_batch` at a time; the gradient is that of one pass."""
    if not count:
        return torch.zeros(0, encoder.width, device=encoder.device)
    ones = torch.ones(count, dtype=torch.long)
    return in_micro_batches(run, ones, encoder.micro_batch or count, packed=True, in_step=is_sharded(encoder))


def encode_images(encoder: nn.Module, images: "list[str | Path | bytes | Image]", at_once: int = AT_ONCE,
                  progress: bool = False) -> np.ndarray:
    """Embeddings of pictures in eval mode, without gradient, in `encoder.precision`; order kept.  -> (N, D) float32

    images     paths, the bytes of files, or Pillow's pictures
    at_once    pictures of one pass
    progress   show pictures done and the time left, on standard error

    Raises
        UserError   a picture is missing or broken
    """
    embeddings = np.zeros((len(images), encoder.width), dtype=np.float32)
    with (inferring(encoder, encoder.precision, encoder.device, len(images)), ThreadPoolExecutor(os.cpu_count()) as readers,
          Progress(console=Console(stderr=True), disable=not progress) as bar):
        done = bar.add_task("encoding", total=len(images))
        for start in range(0, len(images), at_once):
            part = list(readers.map(open_image, images[start:start + at_once]))
            found = encoder.embed_images(encoder.transform(part).to(encoder.device))               # (n, D)
            embeddings[start:start + len(part)] = found.float().cpu().numpy()
            bar.advance(done, len(part))
    return embeddings
