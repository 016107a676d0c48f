"""Texts in, one vector each out: sorted by length, cut into micro-batches, run without padding, pooled, put back in order."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from rich.console import Console
from rich.progress import Progress
from torch import Tensor, nn

from lit_embed.batches import Tokens
from lit_embed.distributed import is_sharded
from lit_embed.errors import UserError
from lit_embed.models import folder
from lit_embed.models.adaptation import DecoderSettings, adapted_backbone, adapted_tokenizer, as_values
from lit_embed.models.backbone import probe, run_packed, run_padded
from lit_embed.models.decoder import is_decoder
from lit_embed.models.inference import Precision, inferring
from lit_embed.models.lora import Lora
from lit_embed.models.micro_batches import in_micro_batches, micro_batches, recompute_layers
from lit_embed.models.pooling import POOLINGS, pool
from lit_embed.models.resolve import resolve
from lit_embed.models.token_budget import Recompute, tokens_of_a_pass
from lit_embed.models.weights import check_positions

log = logging.getLogger(__name__)

BLOCK = 16_384      # texts that `encode` tokenises and sorts at a time


class TextEncoder(nn.Module):
    """A Hugging Face encoder or decoder with pooling: N texts -> (N, D).

    backbone         a folder, a Hub id, or `package:NAME/FOLDER` inside an installed Python package: a model, or the adapters
                     that a LoRA run left, which are trained on
    pooling          what stands for the text: the mean of its tokens, the first (cls), the largest values, or the last
    max_length       tokens of a text, special ones included; longer texts are cut
    normalization    "l2" makes every embedding a unit vector; losses on the cosine do not need it
    query_prefix, document_prefix   put before each query and document, as E5 and its kin were trained with
    max_tokens       tokens in one pass (default: on a CPU 16,384, and 2,048 where a batch has more; on a GPU what its free memory
                     holds when training begins)
    recompute        auto: a batch of more tokens runs in several passes, each computed again in backward, with the gradient of
                     one; always: a single pass is computed again too; never: the activations of all passes are kept;
                     layers: as auto, and each layer keeps its input alone (gradient checkpointing)
    lora             train low-rank adapters instead of the backbone's weights: {r: 16, alpha: 32, target_modules: ...}, see Lora
    decoder          how texts end and which way attention looks: {append_eos: true, bidirectional: false}, see DecoderSettings

    Raises
        UserError    nothing to load at `backbone`, max_length beyond the positions it has, or a setting it cannot take
    """

    def __init__(self, backbone: str, pooling: Literal["mean", "cls", "max", "last"] = "mean", max_length: int = 128,
                 normalization: Literal["none", "l2"] = "none", query_prefix: str = "", document_prefix: str = "",
                 max_tokens: int | None = None, recompute: Recompute = "auto", lora: Lora | None = None,
                 decoder: DecoderSettings | None = None):
        super().__init__()
        if pooling not in POOLINGS:
            raise UserError(f"pooling {pooling!r}: there are {', '.join(POOLINGS)}")
        if normalization not in ("none", "l2"):
            raise UserError(f"normalization {normalization!r}: there are none and l2")
        if recompute not in get_args(Recompute):
            raise UserError(f"recompute {recompute!r}: there are {', '.join(get_args(Recompute))}")
        self.decoder = decoder or DecoderSettings()
        self.backbone, self.lora = adapted_backbone(backbone, self.decoder.bidirectional, lora)
        check_positions(self.backbone.config, backbone, max_length)
        self.precision: Precision = "float32"
        self.settings = {"backbone": backbone, "lora": as_values(lora), "decoder": as_values(decoder)}     # as given, not what became of them
        self.pooling, self.max_length, self.normalization = pooling, max_length, normalization
        self.query_prefix, self.document_prefix = query_prefix, document_prefix
        self.max_tokens, self.recompute = max_tokens, recompute
        self.tokenizer = adapted_tokenizer(backbone, max_length, self.decoder.append_eos,
                                           pooling == "last" and is_decoder(self.backbone))
        self.first_position = probe(self.backbone, max_length)
        if recompute == "layers":
            recompute_layers(self.backbone)
        self.width: int = self.backbone.config.hidden_size
        if others := folder.differences(self, resolve(backbone)):
            log.warning("%s was trained with %s", backbone, "; ".join(others))

    @property
    def packed(self) -> bool:
        """Whether texts run end to end; otherwise they are padded to similar lengths."""
        return self.first_position is not None

    def forward(self, tokens: Tokens) -> Tensor:
        """N texts -> (N, D). More than `max_tokens` tokens run in several passes; the gradient is that of one."""
        if not len(tokens):
            return torch.zeros(0, self.width, device=tokens.ids.device)
        return in_micro_batches(lambda part: self._embed(tokens.select(part)), tokens.lengths,
                                tokens_of_a_pass(self, len(tokens.ids)), self.packed, self.recompute, in_step=is_sharded(self))

    def _embed(self, tokens: Tokens) -> Tensor:                                        # lengths ascending -> (N, D)
        if self.packed:
            hidden = run_packed(self.backbone, tokens, self.first_position)            # (S, D)
        else:
            hidden = run_padded(self.backbone, tokens)
        pooled = pool(hidden, tokens.lengths, self.pooling)
        return F.normalize(pooled, dim=-1) if self.normalization == "l2" else pooled

    def encode(self, texts: list[str], role: Literal["text", "query", "document"] = "text", batch_tokens: int | None = None,
               progress: bool = False) -> np.ndarray:
        """Embeddings of any number of texts, in eval mode, without gradient; order kept.  -> (N, D) float32

        Computed in `self.precision`: float32, or bfloat16 or float16 for machines that multiply those faster.

        role           which prefix goes before each text: none, the query's, or the document's
        batch_tokens   tokens in one pass (default: 4,096 on CPU, where small passes stay in cache, 65,536 on a GPU)
        progress       show texts done and the time left, on standard error
        """
        prefix = {"text": "", "query": self.query_prefix, "document": self.document_prefix}[role]
        batch_tokens = batch_tokens or (4_096 if self.device.type == "cpu" else 65_536)
        embeddings = np.zeros((len(texts), self.width), dtype=np.float32)
        with (inferring(self, self.precision, self.device, len(texts)),
              Progress(console=Console(stderr=True), disable=not progress) as bar):
            done = bar.add_task("encoding", total=len(texts))
            for places, part in self._encode_parts(texts, prefix, batch_tokens):
                embeddings[places] = part.float().cpu().numpy()
                bar.advance(done, len(places))
        return embeddings

    def _encode_parts(self, texts: list[str], prefix: str, batch_tokens: int) -> Iterator[tuple[np.ndarray, Tensor]]:
        for start in range(0, len(texts), BLOCK):
            ids, lengths, _ = self.tokenizer.tokenize(list(texts[start:start + BLOCK]), prefix)
            tokens = Tokens(torch.from_numpy(ids), torch.from_numpy(lengths).long())
            for part in micro_batches(tokens.lengths, batch_tokens, self.packed):
                yield start + part.numpy(), self._embed(tokens.select(part).to(self.device))

    @property
    def device(self) -> torch.device:
        return self.backbone.device

    def save_folder(self, path: str | Path) -> None:
        """A folder that `TextEncoder.from_folder` and sentence-transformers read: plain, or with LoRA the adapters alone.

        `lit_embed.models.lora.merged(encoder).save_folder(path)` writes a plain one of an encoder with adapters.
        """
        folder.save(self, path)

    @classmethod
    def from_folder(cls, path: str | Path, **changes: object) -> "TextEncoder":
        """The encoder a run left, or any folder in the layout of sentence-transformers, with its own settings.

        changes   arguments of the constructor that shall differ from what the folder says

        Raises
            UserError   the folder's modules cannot be expressed here
        """
        return cls(str(path), **{**folder.settings(path), **changes})
