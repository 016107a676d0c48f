"""One server with every part, for tests that leave it as it is."""

import pytest
from toy_server import LIMITS, running, toy_corpus, toy_encoder, toy_scorer

from lit_embed.serving import Served


@pytest.fixture(scope="session")
def encoder(toy_backbone):
    return toy_encoder(toy_backbone)


@pytest.fixture(scope="session")
def base(backbone_folder):
    return toy_encoder(backbone_folder("distilbert"))


@pytest.fixture(scope="session")
def scorer(toy_backbone):
    return toy_scorer(toy_backbone)


@pytest.fixture(scope="session")
def client(encoder, base, scorer):
    with running(Served("toy", encoder, toy_corpus(encoder, base), ("judge", scorer), ("before", base), LIMITS)) as client:
        yield client


@pytest.fixture(scope="session")
def bare(encoder):
    """Nothing but a model that embeds."""
    with running(Served("toy", encoder, limits=LIMITS)) as client:
        yield client
