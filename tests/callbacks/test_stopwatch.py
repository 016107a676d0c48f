"""The stopwatch counts while it runs and stands still in between."""

import pytest

from lit_embed.callbacks import stopwatch
from lit_embed.callbacks.stopwatch import Stopwatch


@pytest.fixture
def clock(monkeypatch):
    now = {"seconds": 100.0}
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: now["seconds"])
    return now


def test_pauses_are_not_counted(clock):
    watch = Stopwatch(seconds=5)
    watch.start()
    clock["seconds"] += 2
    watch.pause()
    clock["seconds"] += 50
    watch.resume()
    clock["seconds"] += 1
    watch.start()                                          # runs already
    assert watch.seconds == 8
    watch.stop()
    clock["seconds"] += 9
    assert watch.seconds == 8


def test_a_watch_that_does_not_run_is_not_started_by_a_validation(clock):
    watch = Stopwatch()
    watch.pause()
    watch.resume()
    clock["seconds"] += 3
    assert watch.seconds == 0
