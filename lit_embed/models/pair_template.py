"""Two texts as one sequence, [CLS] A [SEP] B [SEP] or what the tokenizer makes of it: laid out in tensor code, without loops."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lit_embed.batches import Tokens


def longest_first(first: Tensor, second: Tensor, room: int) -> tuple[Tensor, Tensor]:
    """How many tokens of each text are kept where both have to fit into `room`: the longer one gives way first.

    As the Rust tokenizers do it (https://github.com/huggingface/tokenizers, truncation.rs), to the token: where both
    are cut and the room is odd, the one token more goes to the longer text, to the second if they are equally long.

    first, second   (N,) tokens of each; the same is returned
    """
    shorter, longer = torch.minimum(first, second), torch.maximum(first, second)
    longer = torch.where(shorter > room, shorter, torch.maximum(shorter, room - shorter))
    both = shorter + longer > room
    shorter, longer = shorter.masked_fill(both, room // 2), longer.masked_fill(both, room // 2 + room % 2)
    swapped, fits = first > second, first + second <= room
    return (torch.where(fits, first, torch.where(swapped, longer, shorter)),
            torch.where(fits, second, torch.where(swapped, shorter, longer)))


@dataclass(frozen=True)
class PairTemplate:
    """The special tokens around two texts.

    before, between, after   token ids, as lists
    types                    token type of the five parts: before, first text, between, second text, after
    """

    before: list[int]
    between: list[int]
    after: list[int]
    types: tuple[int, int, int, int, int]

    def __len__(self) -> int:
        return len(self.before) + len(self.between) + len(self.after)

    def join(self, first: Tokens, second: Tokens, max_length: int, which: Tensor, of: Tensor | None = None) -> "JoinedPairs":
        """N pairs of bare texts, cut to `max_length` tokens with the special ones.

        which   (N,) the first text of each pair, a place in `first`
        of      (N,) the second text, a place in `second`; None: the pairs are in the order of `second`
        """
        of = torch.arange(len(second)) if of is None else of
        kept = longest_first(first.lengths[which], second.lengths[of], max_length - len(self))
        special = torch.tensor(self.before + self.between + self.after)
        pool = torch.cat([first.ids, second.ids, special.to(first.ids, non_blocking=True)])        # (P,)
        # Where each part of each pair begins in the pool, and how many tokens it has.
        ours = len(pool) - len(special)
        starts = [ours, (first.lengths.cumsum(0) - first.lengths)[which], ours + len(self.before),
                  (second.lengths.cumsum(0) - second.lengths)[of] + len(first.ids), len(pool) - len(self.after)]
        counts = [len(self.before), kept[0], len(self.between), kept[1], len(self.after)]
        return JoinedPairs(pool, _columns(starts, len(which)), _columns(counts, len(which)), torch.tensor(self.types))


def _columns(values: list[int | Tensor], rows: int) -> Tensor:                         # -> (rows, len(values)) int64
    return torch.stack([torch.as_tensor(value, dtype=torch.int64).expand(rows) for value in values], dim=1)


class JoinedPairs:
    """N pairs, of which any can be laid end to end.

    pool             (P,)    the tokens of all texts, and the special ones
    starts, counts   (N, 5)  on the host: the five parts of each pair in the pool
    types            (5,)    token type of each part
    """

    def __init__(self, pool: Tensor, starts: Tensor, counts: Tensor, types: Tensor):
        self.pool, self.starts, self.counts, self.types = pool, starts, counts, types
        self.lengths = counts.sum(1)                                                   # (N,)

    def __len__(self) -> int:
        return len(self.lengths)

    def select(self, places: Tensor) -> tuple[Tokens, Tensor]:
        """The pairs at `places` (M,), in that order, and the token type of each token (S,)."""
        counts = self.counts[places].flatten()                                         # (5 * M,)
        shift = self.starts[places].flatten() - (counts.cumsum(0) - counts)
        index = torch.arange(int(counts.sum())) + shift.repeat_interleave(counts)      # (S,)
        types = self.types.repeat(len(places)).repeat_interleave(counts)               # (S,)
        ids = self.pool[index.to(self.pool.device, non_blocking=True)]
        return Tokens(ids, self.lengths[places]), types.to(self.pool.device, non_blocking=True)
