"""Texts of many requests through the models together: one thread computes, everybody else waits in one queue.

A batch takes one text of each waiting request in turn, so that a list of two thousand does not hold up a single query.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from lit_embed.serving.limits import Limits
from lit_embed.serving.prometheus import Metrics


@dataclass(frozen=True, eq=False)
class Work:
    """What a model does with a list: n items -> n results. Items of one Work may go through it together."""

    name: str
    function: Callable[[list], Sequence]


@dataclass(eq=False)
class Job:
    """The items of one request, and how far they are."""

    work: Work
    items: list
    costs: Sequence[int]                                  # tokens of each
    answer: asyncio.Future
    results: list = field(default_factory=list)
    taken: int = 0
    done: int = 0

    @property
    def waiting(self) -> int:
        return len(self.items) - self.taken


Batch = list[tuple[Job, int]]                             # a job, and the place of one of its items


class ModelThread:
    """
    limits    batch_tokens and wait
    metrics   where batches, texts and tokens are counted
    """

    def __init__(self, limits: Limits, metrics: Metrics):
        self.limits, self.metrics = limits, metrics
        self._jobs: list[Job] = []                        # with items that wait
        self._unanswered: set[Job] = set()
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._requests_before = 0                         # in the last batch
        metrics.gauge("lit_embed_queue_length", "Texts that wait for a model.", lambda: sum(job.waiting for job in self._jobs))

    async def __aenter__(self) -> "ModelThread":
        self._loop = asyncio.create_task(self._work_on())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._loop.cancel()
        for job in self._unanswered:
            job.answer.cancel()
        await asyncio.gather(self._loop, return_exceptions=True)
        self._thread.shutdown()

    async def run(self, work: Work, items: Sequence, costs: Sequence[int]) -> list:
        """The results of work.function for these items, in their order.

        Raises
            Exception   whatever work.function raised for them, by themselves
        """
        if not items:
            return []
        job = Job(work, list(items), costs, asyncio.get_running_loop().create_future(), [None] * len(items))
        self._jobs.append(job)
        self._unanswered.add(job)
        self._arrived.set()
        try:
            return await job.answer
        finally:
            self._unanswered.discard(job)
            if job in self._jobs:                         # whoever waited has gone
                self._jobs.remove(job)
                self.metrics.dropped.add(job.waiting)

    async def _work_on(self) -> None:
        while True:
            if not self._jobs:
                self._arrived.clear()
                await self._arrived.wait()
                # A lone client never waits; where several ask at once, the others are a moment away.
                if self._requests_before > 1:
                    await asyncio.sleep(self.limits.wait)
            if batch := self._take():
                await self._compute(batch)

    def _take(self) -> Batch:
        """Items of the first job's work under the budget; what remains of that work goes behind the others."""
        if not self._jobs:
            return []
        work, batch, tokens = self._jobs[0].work, [], 0
        turns = deque(job for job in self._jobs if job.work is work)
        while turns:
            job = turns[0]
            cost = job.costs[job.taken]
            if batch and tokens + cost > self.limits.batch_tokens:
                break
            batch.append((turns.popleft(), job.taken))
            tokens += cost
            job.taken += 1
            if job.waiting:
                turns.append(job)
        self._jobs = [job for job in self._jobs if job.work is not work] + list(turns)    # next time this turn goes on
        self.metrics.batch_texts.observe(len(batch), work.name)
        self.metrics.batch_tokens.observe(tokens, work.name)
        return batch

    async def _compute(self, batch: Batch) -> None:
        requests = list(dict.fromkeys(job for job, _ in batch))
        self._requests_before = len(requests)
        try:
            await self._through_the_model(batch)
        except Exception as error:
            if len(requests) == 1:
                return self._fail(requests[0], error)
            for job in requests:                          # one of them is at fault: each by itself
                try:
                    await self._through_the_model([(own, place) for own, place in batch if own is job])
                except Exception as own_error:
                    self._fail(job, own_error)

    async def _through_the_model(self, batch: Batch) -> None:
        work, items = batch[0][0].work, [job.items[place] for job, place in batch]
        results = await asyncio.get_running_loop().run_in_executor(self._thread, work.function, items)
        if len(results) != len(items):
            raise RuntimeError(f"{work.name}: {len(results)} results for {len(items)} items")
        self.metrics.texts.add(len(items), work.name)
        self.metrics.tokens.add(sum(job.costs[place] for job, place in batch), work.name)
        for (job, place), result in zip(batch, results):
            job.results[place] = result
            job.done += 1
            if job.done == len(job.items) and not job.answer.done():
                job.answer.set_result(job.results)

    def _fail(self, job: Job, error: Exception) -> None:
        if not job.answer.done():
            job.answer.set_exception(error)
        if job in self._jobs:                             # what remains of it is not computed
            self._jobs.remove(job)
