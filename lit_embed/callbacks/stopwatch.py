"""Seconds of training alone: it stands still while the run evaluates."""

import time


class Stopwatch:
    """Counts from `seconds` on while it runs.

    seconds   what was counted already, for example before a resume
    """

    def __init__(self, seconds: float = 0.0):
        self._counted, self._since, self._paused = seconds, None, False

    def start(self) -> None:
        if self._since is None:
            self._since = time.perf_counter()

    def stop(self) -> None:
        self._counted, self._since, self._paused = self.seconds, None, False

    def pause(self) -> None:
        """Stand still, if it runs, until `resume`; a watch that does not run stays as it is through both."""
        running = self._since is not None
        self.stop()
        self._paused = running

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            self.start()

    @property
    def seconds(self) -> float:
        return self._counted + (0.0 if self._since is None else time.perf_counter() - self._since)
