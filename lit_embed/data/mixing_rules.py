"""How often each data set of a mixture comes: by its size, by weights, or each in its turn. One rule, one class.

A rule gives every set its share of an epoch's batches, and says in which order the sets come. The batches are counted
out, not drawn one by one, so a share is met in every epoch as nearly as whole batches allow.
"""

from typing import Literal, Protocol, runtime_checkable

import numpy as np

from lit_embed.errors import UserError

EpochLength = Literal["sum", "first_exhausted", "all_exhausted"]


@runtime_checkable
class MixingRule(Protocol):
    """What a mixture asks of a rule; your own class with these two functions is one."""

    def shares(self, batches: dict[str, int]) -> np.ndarray:
        """Batches that each of K sets has -> its share of an epoch, (K,) float64, sum 1."""

    def order(self, counts: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """How many batches of each set an epoch has, (K,) -> the set of each batch, (N,) int64."""


class BySize:
    """Shares go with size to the power of 1 / temperature (arXiv 1907.05019, section 4.2; 1910.10683, section 3.5.2).

    temperature   1: every set as it is large; the higher, the nearer to equal shares

    Size is counted in batches, so that at temperature 1 each row comes once an epoch, whatever the sets' batch sizes.
    """

    def __init__(self, temperature: float = 1.0):
        if temperature <= 0:
            raise UserError(f"BySize: temperature {temperature:g}: give 1 for shares by size, more for shares more equal")
        self.temperature = temperature

    def shares(self, batches: dict[str, int]) -> np.ndarray:
        sizes = np.array(list(batches.values()), dtype=np.float64)
        powers = (sizes / sizes.max()) ** (1 / self.temperature)                         # (K,)
        return powers / powers.sum()

    def order(self, counts: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        return _shuffled(counts, generator)


class ByWeights:
    """Shares as given, whatever the sizes.

    weights   of every set, above 0; {sts: 1, nli: 3} is a quarter and three quarters
    """

    def __init__(self, weights: dict[str, float]):
        if bad := [name for name, weight in weights.items() if weight <= 0]:
            raise UserError(f"ByWeights: the weight of '{bad[0]}' is {weights[bad[0]]:g}; give a number above 0, or leave the "
                            "set out of the mixture")
        self.weights = dict(weights)

    def shares(self, batches: dict[str, int]) -> np.ndarray:
        if set(self.weights) != set(batches):
            raise UserError(f"ByWeights has weights for {', '.join(self.weights)}, but the sets are {', '.join(batches)}")
        weights = np.array([self.weights[name] for name in batches], dtype=np.float64)
        return weights / weights.sum()

    def order(self, counts: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        return _shuffled(counts, generator)


class RoundRobin:
    """One batch of each set after the other, in the order in which they are named."""

    def shares(self, batches: dict[str, int]) -> np.ndarray:
        return np.full(len(batches), 1 / len(batches))

    def order(self, counts: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        turns = np.concatenate([np.arange(count) for count in counts])                   # (N,)
        return np.repeat(np.arange(len(counts)), counts)[np.argsort(turns, kind="stable")]


def batches_of_epoch(shares: np.ndarray, batches: np.ndarray, length: EpochLength) -> np.ndarray:
    """How many batches of each set make an epoch: the total by `length`, divided by largest remainders.

    shares   (K,) of the rule
    batches  (K,) that the sets have
    length   sum: as many as the sets have together; first_exhausted: until one set has no batch left, so that none
             comes twice; all_exhausted: until every batch has come
    returns  (K,) int64
    """
    once_round = batches / shares                        # (K,) the epochs in which each set comes round exactly once
    total = {"sum": int(batches.sum()), "first_exhausted": int(np.floor(once_round.min() + 1e-6)),
             "all_exhausted": int(np.ceil(once_round.max() - 1e-6))}[length]
    quotas = shares * total                                                              # (K,)
    counts = np.floor(quotas + 1e-6).astype(np.int64)
    most_left = np.argsort(counts - quotas, kind="stable")
    counts[most_left[: total - counts.sum()]] += 1
    return counts


def _shuffled(counts: np.ndarray, generator: np.random.Generator) -> np.ndarray:         # (K,) -> (N,)
    return generator.permutation(np.repeat(np.arange(len(counts)), counts))
