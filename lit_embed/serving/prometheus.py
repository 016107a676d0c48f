"""What the server counts, in the text that Prometheus reads: counters, gauges, histograms, and nothing more.

https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4)
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536)


class Counter:
    """Only ever grows; one value for each combination of labels."""

    kind = "counter"

    def __init__(self, name: str, says: str, *labels: str):
        self.name, self.says, self.labels = name, says, labels
        self.values: dict[tuple, float] = defaultdict(float, {} if labels else {(): 0.0})

    def add(self, amount: float, *labels: str) -> None:
        self.values[labels] += amount

    def lines(self) -> Iterator[str]:
        for labels, value in list(self.values.items()):
            yield _line(self.name, dict(zip(self.labels, labels)), value)


class Gauge:
    """What `value` says when it is asked."""

    kind, labels = "gauge", ()

    def __init__(self, name: str, says: str, value: Callable[[], float]):
        self.name, self.says, self.value = name, says, value

    def lines(self) -> Iterator[str]:
        yield _line(self.name, {}, self.value())


class Histogram:
    """How many values were at most as large as each bound."""

    kind = "histogram"

    def __init__(self, name: str, says: str, bounds: tuple[float, ...], *labels: str):
        self.name, self.says, self.bounds, self.labels = name, says, bounds, labels
        self.counts: dict[tuple, list[int]] = defaultdict(lambda: [0] * (len(bounds) + 1))
        self.sums: dict[tuple, float] = defaultdict(float)

    def observe(self, value: float, *labels: str) -> None:
        self.counts[labels][bisect_left(self.bounds, value)] += 1
        self.sums[labels] += value

    def lines(self) -> Iterator[str]:
        for labels, counts in list(self.counts.items()):
            named, so_far = dict(zip(self.labels, labels)), 0
            for bound, count in zip([*map(_number, self.bounds), "+Inf"], counts, strict=True):
                so_far += count
                yield _line(f"{self.name}_bucket", named | {"le": bound}, so_far)
            yield _line(f"{self.name}_sum", named, self.sums[labels])
            yield _line(f"{self.name}_count", named, so_far)


class Metrics:
    """Everything that is counted."""

    def __init__(self):
        self.requests = Counter("lit_embed_requests_total", "Requests by route and status; 499: the client left.", "route",
                                "status")
        self.seconds = Histogram("lit_embed_request_seconds", "From the first byte of a request to the last of its answer.",
                                 SECONDS, "route")
        self.texts = Counter("lit_embed_texts_total", "Texts embedded, pairs scored.", "work")
        self.tokens = Counter("lit_embed_tokens_total", "Their tokens.", "work")
        self.truncated = Counter("lit_embed_truncated_texts_total", "Texts longer than the model reads.")
        self.dropped = Counter("lit_embed_dropped_texts_total", "Texts that nobody waits for any more.")
        self.batch_texts = Histogram("lit_embed_batch_texts", "Texts or pairs that went through a model together.", SIZES, "work")
        self.batch_tokens = Histogram("lit_embed_batch_tokens", "Tokens of these.", SIZES, "work")
        self.all = [self.requests, self.seconds, self.texts, self.tokens, self.truncated, self.dropped, self.batch_texts,
                    self.batch_tokens]

    def gauge(self, name: str, says: str, value: Callable[[], float]) -> None:
        self.all.append(Gauge(name, says, value))

    def text(self) -> str:
        lines = []
        for metric in self.all:
            lines += [f"# HELP {metric.name} {metric.says}", f"# TYPE {metric.name} {metric.kind}", *metric.lines()]
        return "\n".join(lines) + "\n"


def _line(name: str, labels: dict[str, str], value: float) -> str:
    inside = ",".join(f'{key}="{_escaped(str(label))}"' for key, label in labels.items())
    return f"{name}{{{inside}}} {_number(value)}" if inside else f"{name} {_number(value)}"


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
