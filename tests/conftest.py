"""Toy backbones of the real architectures, with random weights and a real tokenizer, made on the spot; no download."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"            # toy models gain nothing from more, and processes of a test get in each other's way
os.environ.setdefault("WANDB_MODE", "offline")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["JSONARGPARSE_DEPRECATION_WARNINGS"] = "off"        # Lightning calls it by an older name

import sys
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)

sys.path.insert(0, str(Path(__file__).parent))
from toys import make_backbone, make_pair


@pytest.fixture(autouse=True)
def _same_numbers_every_time() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True, scope="session")
def _own_token_cache(tmp_path_factory) -> None:
    os.environ["LIT_EMBED_CACHE"] = str(tmp_path_factory.mktemp("tokens"))


@pytest.fixture(scope="session")
def backbone_folder(tmp_path_factory):
    """backbone_folder("bert") -> the folder of a tiny model with a tokenizer; made once a session for each name."""
    made: dict[str, str] = {}

    def folder(architecture: str = "bert") -> str:
        if architecture not in made:
            made[architecture] = make_backbone(architecture, tmp_path_factory.mktemp(architecture))
        return made[architecture]

    return folder


@pytest.fixture(scope="session")
def toy_backbone(backbone_folder) -> str:
    """The folder of a tiny BERT."""
    return backbone_folder("bert")


@pytest.fixture(scope="session")
def pair_folder(tmp_path_factory):
    """pair_folder("clip") or pair_folder("siglip") -> the folder of a tiny model of images and texts."""
    made: dict[str, str] = {}

    def folder(kind: str = "clip") -> str:
        if kind not in made:
            made[kind] = make_pair(kind, tmp_path_factory.mktemp(kind))
        return made[kind]

    return folder


@pytest.fixture
def real_data() -> Path:
    """The folder of the real data sets, for tests that need them."""
    return _folder_or_skip("LIT_EMBED_DATA", "the real data sets")


@pytest.fixture
def real_models() -> Path:
    """The folder of the real pretrained models, for tests that need them."""
    return _folder_or_skip("LIT_EMBED_MODELS", "the real pretrained models")


def _folder_or_skip(variable: str, what: str) -> Path:
    folder = os.environ.get(variable)
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"{what} are not at hand: {variable} names no folder")
    return Path(folder)
