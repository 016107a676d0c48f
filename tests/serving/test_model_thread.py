"""One thread, one queue: batches under a budget, in turn, and nobody's mistake is another's."""

import asyncio
import threading

import pytest

from lit_embed.serving.limits import Limits
from lit_embed.serving.model_thread import ModelThread, Work
from lit_embed.serving.prometheus import Metrics

LIMITS = Limits(batch_tokens=10)


class Doubling:
    """Doubles numbers, remembers its batches, and waits for `go` before each."""

    def __init__(self, open_: bool = True):
        self.batches, self.go = [], threading.Event()
        self.go.set() if open_ else None

    def __call__(self, items: list[int]) -> list[int]:
        self.batches.append(items)
        assert self.go.wait(10)
        if 13 in items:
            raise ValueError("thirteen")
        return [2 * item for item in items]


def within(scenario) -> Metrics:
    """Runs a scenario(thread) inside a working ModelThread."""
    metrics = Metrics()

    async def run() -> None:
        async with ModelThread(LIMITS, metrics) as thread:
            await asyncio.wait_for(scenario(thread), 20)

    asyncio.run(run())
    return metrics


async def started(function: Doubling) -> None:
    while not function.batches:
        await asyncio.sleep(0.001)


def test_what_arrives_during_a_batch_goes_together_in_the_next():
    double = Doubling(open_=False)
    work = Work("double", double)

    async def scenario(thread: ModelThread) -> None:
        first = asyncio.create_task(thread.run(work, [1], [1]))
        await started(double)
        others = [asyncio.create_task(thread.run(work, [i, i + 1], [1, 1])) for i in (20, 30, 40)]
        await asyncio.sleep(0)
        double.go.set()
        assert await first == [2] and await asyncio.gather(*others) == [[40, 42], [60, 62], [80, 82]]

    metrics = within(scenario)
    assert double.batches == [[1], [20, 30, 40, 21, 31, 41]]
    assert metrics.texts.values[("double",)] == metrics.tokens.values[("double",)] == 7


def test_a_long_list_does_not_hold_up_a_short_one():
    double = Doubling(open_=False)
    work = Work("double", double)

    async def scenario(thread: ModelThread) -> None:
        long = asyncio.create_task(thread.run(work, list(range(100, 140)), [1] * 40))
        await started(double)
        short = asyncio.create_task(thread.run(work, [7], [1]))
        await asyncio.sleep(0)
        double.go.set()
        assert await short == [14] and not long.done()
        assert await long == [2 * i for i in range(100, 140)]

    within(scenario)
    assert len(double.batches[0]) == 10 and 7 in double.batches[1]
    assert all(len(batch) <= 10 for batch in double.batches)


def test_a_turn_that_fills_a_batch_goes_on_in_the_next():
    double = Doubling(open_=False)
    work = Work("double", double)

    async def scenario(thread: ModelThread) -> None:
        tasks = [asyncio.create_task(thread.run(work, [10 * i, 10 * i + 1], [1, 1])) for i in range(15)]
        await asyncio.sleep(0)
        double.go.set()
        await asyncio.gather(*tasks)

    within(scenario)
    firsts = [10 * i for i in range(15)]
    assert double.batches[0] == firsts[:10] and double.batches[1][:5] == firsts[10:]


def test_kinds_of_work_take_turns_and_never_mix():
    double = Doubling(open_=False)
    first, second = Work("first", double), Work("second", double)

    async def scenario(thread: ModelThread) -> None:
        tasks = [asyncio.create_task(thread.run(work, [item] * count, [1] * count))
                 for work, item, count in ((first, 1, 25), (second, 2, 12))]
        await asyncio.sleep(0)
        double.go.set()
        assert await asyncio.gather(*tasks) == [[2] * 25, [4] * 12]

    within(scenario)
    assert [(batch[0], len(batch)) for batch in double.batches] == [(1, 10), (2, 10), (1, 10), (2, 2), (1, 5)]


def test_the_mistake_of_one_request_fails_no_other():
    double = Doubling(open_=False)
    work = Work("double", double)

    async def scenario(thread: ModelThread) -> None:
        first = asyncio.create_task(thread.run(work, [1], [1]))
        await started(double)
        tasks = [asyncio.create_task(thread.run(work, items, [1] * len(items))) for items in ([5, 6], [7, 13, 8], [9])]
        await asyncio.sleep(0)
        double.go.set()
        five, thirteen, nine = await asyncio.gather(*tasks, return_exceptions=True)
        assert await first == [2] and five == [10, 12] and nine == [18] and isinstance(thirteen, ValueError)
        with pytest.raises(ValueError, match="thirteen"):
            await thread.run(work, [13] * 30, [1] * 30)
        assert await thread.run(work, [], []) == [] and await thread.run(work, [4], [99]) == [8]      # it works on

    within(scenario)


def test_who_has_left_is_dropped_from_the_queue():
    double = Doubling(open_=False)
    work = Work("double", double)

    async def scenario(thread: ModelThread) -> None:
        first = asyncio.create_task(thread.run(work, [1], [1]))
        await started(double)
        left, stays = (asyncio.create_task(thread.run(work, [i, i], [1, 1])) for i in (50, 60))
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
        double.go.set()
        assert await first == [2] and await stays == [120, 120]

    metrics = within(scenario)
    assert double.batches == [[1], [60, 60]] and metrics.dropped.values[()] == 2


def test_too_few_results_are_an_error_and_no_endless_wait():
    async def scenario(thread: ModelThread) -> None:
        with pytest.raises(RuntimeError, match="1 results for 2 items"):
            await thread.run(Work("short", lambda items: items[:1]), [1, 2], [1, 1])

    within(scenario)


def test_the_end_of_the_thread_ends_who_waits():
    double = Doubling(open_=False)
    waiting = []

    async def scenario(thread: ModelThread) -> None:
        waiting.extend(asyncio.create_task(thread.run(Work("double", double), [i], [1])) for i in (1, 2))
        await started(double)
        double.go.set()

    async def run() -> None:
        async with ModelThread(LIMITS, Metrics()) as thread:
            await scenario(thread)
        found = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
        assert all(each in ([2], [4]) or isinstance(each, asyncio.CancelledError) for each in found)

    asyncio.run(run())
