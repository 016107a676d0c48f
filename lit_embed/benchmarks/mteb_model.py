"""Whatever embeds texts, in the form that mteb asks of a model."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from mteb.abstasks.task_metadata import TaskMetadata
    from mteb.types import PromptType
    from torch.utils.data import DataLoader

Encode = Callable[[list[str], str], np.ndarray]         # N texts, role "text", "query" or "document" -> (N, D)


class MtebModel:
    """Answers mteb's EncoderProtocol; embeddings are compared by their cosine.

    encode     texts and their role: mteb's prompt types query and document, or "text" in tasks without such sides
    name       what mteb calls it
    revision   of the weights; mteb writes it into its results
    """

    def __init__(self, encode: Encode, name: str, revision: str):
        from mteb.models.model_meta import ModelMeta, ScoringFunction

        self._encode = encode
        self.mteb_model_meta = ModelMeta.create_empty({"name": name, "revision": revision, "modalities": ["text"],
                                                       "similarity_fn_name": ScoringFunction.COSINE})

    def encode(self, inputs: "DataLoader", *, task_metadata: "TaskMetadata", hf_split: str, hf_subset: str,
               prompt_type: "PromptType | None" = None, **for_other_models: object) -> np.ndarray:
        """The texts of all batches.  -> (N, D) float32"""
        texts = [text for batch in inputs for text in batch["text"]]
        return self._encode(texts, "text" if prompt_type is None else prompt_type.value)

    def similarity(self, embeddings1: np.ndarray, embeddings2: np.ndarray) -> torch.Tensor:
        """(N, D), (M, D) -> (N, M)"""
        from mteb.similarity_functions import cos_sim

        return cos_sim(embeddings1, embeddings2)

    def similarity_pairwise(self, embeddings1: np.ndarray, embeddings2: np.ndarray) -> torch.Tensor:
        """(N, D), (N, D) -> (N,)"""
        from mteb.similarity_functions import pairwise_cos_sim

        return pairwise_cos_sim(embeddings1, embeddings2)
