"""What mteb asks of a model, answered by any function that embeds texts."""

import numpy as np
import pytest
from torch.utils.data import DataLoader

from lit_embed.benchmarks.mteb_model import MtebModel

pytest.importorskip("mteb")


@pytest.fixture
def asked() -> list[tuple[list[str], str]]:
    return []


@pytest.fixture
def model(asked) -> MtebModel:
    def encode(texts: list[str], role: str) -> np.ndarray:
        asked.append((texts, role))
        return np.ones((len(texts), 4), dtype=np.float32)

    return MtebModel(encode, "my/model", "abc")


def batches(texts: list[str]) -> DataLoader:
    return DataLoader([{"text": text} for text in texts], batch_size=2)


def test_it_is_an_encoder_and_no_search_engine_to_mteb(model):
    from mteb.models import CrossEncoderProtocol, EncoderProtocol, SearchProtocol

    assert isinstance(model, EncoderProtocol) and not isinstance(model, SearchProtocol | CrossEncoderProtocol)
    assert (model.mteb_model_meta.name, model.mteb_model_meta.revision) == ("my/model", "abc")


def test_prompt_types_are_roles_and_all_batches_are_one_call(model, asked):
    from mteb.types import PromptType

    for prompt_type in (None, PromptType.query, PromptType.document):
        found = model.encode(batches(["a", "b", "c"]), task_metadata=None, hf_split="test", hf_subset="default",
                             prompt_type=prompt_type, batch_size=32)
        assert found.shape == (3, 4)
    assert asked == [(["a", "b", "c"], role) for role in ("text", "query", "document")]


def test_similarity_is_the_cosine(model):
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(3, 5)).astype(np.float32), rng.normal(size=(3, 5)).astype(np.float32)
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (first, second)]
    np.testing.assert_allclose(model.similarity(first, second), unit[0] @ unit[1].T, atol=1e-6)
    np.testing.assert_allclose(model.similarity_pairwise(first, second), (unit[0] * unit[1]).sum(1), atol=1e-6)
