"""How much one request may ask for, how many may wait, and for how long."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """
    texts          texts in one request
    letters        in one text; a model reads its first few hundred tokens, but all of it is tokenised
    body           bytes of a request
    requests       at work or waiting; one more is told to come back
    batch_tokens   tokens that go through a model together; a longer text goes alone
    wait           seconds that texts of one request wait for those of others, while there are others
    timeout        seconds from the first byte of a request to the last of its answer
    results        of one search
    """

    texts: int = 2_048
    letters: int = 100_000
    body: int = 8 * 1024 * 1024
    requests: int = 256
    batch_tokens: int = 4_096
    wait: float = 0.003
    timeout: float = 120.0
    results: int = 1_000
