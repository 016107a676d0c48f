"""Vectors of texts that stay as they are, looked up by the identity of the text."""

import torch
from torch import Tensor

from lit_embed.errors import UserError


class TextVectors:
    """A table that moves to where it is first asked from. No module: it is neither trained nor saved nor broadcast.

    ids       (M,)    of different texts
    vectors   (M, G)
    """

    def __init__(self, ids: Tensor, vectors: Tensor):
        order = ids.argsort()
        self.ids, self.vectors = ids[order], vectors[order]

    def of(self, ids: Tensor) -> Tensor:
        """The vectors of these texts.  (...) -> (..., G)

        Raises
            UserError   a text is not in the table (on a GPU: an assertion that says so)
        """
        if self.ids.device != ids.device:
            self.ids, self.vectors = self.ids.to(ids.device), self.vectors.to(ids.device)
        places = torch.searchsorted(self.ids, ids.contiguous()).clamp_(max=len(self.ids) - 1)
        known = (self.ids[places] == ids).all()
        unknown = "a text of the batch is not among those that the guide embedded: it embeds the rows of the run's own data"
        if ids.device.type != "cpu":
            torch._assert_async(known, unknown)            # asking a GPU would wait for it
        elif not known:
            raise UserError(unknown)
        return self.vectors[places]
