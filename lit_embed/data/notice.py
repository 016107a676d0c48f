"""What the user should know about the data, said once in a run and by one process only."""

import functools

from pytorch_lightning.utilities.rank_zero import rank_zero_info


@functools.cache
def notice(message: str) -> None:
    rank_zero_info(message)
