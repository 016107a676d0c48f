"""Two texts in, one score out: read together by one model, so that every word of one is compared with every word of the other."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor, nn

from lit_embed.batches import Tokens
from lit_embed.distributed import is_sharded
from lit_embed.errors import UserError
from lit_embed.models import scorer_folder
from lit_embed.models.classifier import load_classifier, logits_packed, logits_padded, probe_classifier
from lit_embed.models.inference import Precision, inferring
from lit_embed.models.micro_batches import in_micro_batches, micro_batches, recompute_layers
from lit_embed.models.pair_template import JoinedPairs
from lit_embed.models.pair_tokenizer import PairTokenizer
from lit_embed.models.token_budget import Recompute, tokens_of_a_pass
from lit_embed.models.weights import check_positions

log = logging.getLogger(__name__)


class TextPairScorer(nn.Module):
    """A Hugging Face model with a classification head on pairs of texts: a cross-encoder.

    backbone         a folder, a Hub id, or `package:NAME/FOLDER` inside an installed Python package; one without a
                     classification head gets a new one, which has to be trained
    num_labels       1: how well the texts fit; more: one logit for each class
    max_length       tokens of a pair, special ones included; of longer pairs the longer text is cut first
    query_prefix, document_prefix   put before the first and the second text of each pair
    max_tokens       tokens in one pass (default: on a CPU 16,384, and 2,048 where a batch has more; on a GPU what its free memory
                     holds when training begins)
    recompute        auto: a batch of more tokens runs in several passes, each computed again in backward, with the gradient of
                     one; always: a single pass is computed again too; never: the activations of all passes are kept;
                     layers: as auto, and each layer keeps its input alone (gradient checkpointing)

    Raises
        UserError    nothing to load at `backbone`, or max_length beyond the positions it has
    """

    def __init__(self, backbone: str, num_labels: int = 1, max_length: int = 256, query_prefix: str = "",
                 document_prefix: str = "", max_tokens: int | None = None, recompute: Recompute = "auto"):
        super().__init__()
        if num_labels < 1:
            raise UserError(f"num_labels {num_labels}: give 1 for a score, or the number of classes")
        if recompute not in get_args(Recompute):
            raise UserError(f"recompute {recompute!r}: there are {', '.join(get_args(Recompute))}")
        self.backbone, self.new_head = load_classifier(backbone, num_labels)
        check_positions(self.backbone.config, backbone, max_length)
        self.precision: Precision = "float32"
        self.settings = {"backbone": backbone}              # the attribute of that name is the model itself
        self.num_labels, self.max_length, self.max_tokens, self.recompute = num_labels, max_length, max_tokens, recompute
        self.query_prefix, self.document_prefix = query_prefix, document_prefix
        self.tokenizer = PairTokenizer(backbone, max_length)
        if self.backbone.config.pad_token_id is None:       # decoders look for the last token that is no padding
            self.backbone.config.pad_token_id = self.tokenizer.hugging_face.pad_token_id
        default = "sigmoid" if num_labels == 1 else "identity"
        self.activation = default if self.new_head else scorer_folder.activation(backbone, self.backbone.config)
        self.first_position = probe_classifier(self.backbone)
        if recompute == "layers":
            recompute_layers(self.backbone)
        if others := scorer_folder.differences(self):
            log.warning("%s was trained with %s", backbone, "; ".join(others))

    @property
    def packed(self) -> bool:
        """Whether pairs run end to end; otherwise they are padded to similar lengths."""
        return self.first_position is not None

    @property
    def device(self) -> torch.device:
        return self.backbone.device

    def forward(self, queries: Tokens, documents: Tokens) -> Tensor:
        """Bare texts of `self.tokenizer`: B queries, and B*C documents, the C choices of a query next to each other.

        -> (B*C, L) logits in float32. More than `max_tokens` tokens run in several passes; the gradient is that of one.
        """
        if not len(documents):
            return torch.zeros(0, self.num_labels, device=queries.ids.device)
        asked = torch.arange(len(queries)).repeat_interleave(len(documents) // len(queries))       # (B*C,)
        pairs = self.tokenizer.template.join(queries, documents, self.max_length, asked)
        return in_micro_batches(lambda part: self._logits(pairs, part), pairs.lengths,
                                tokens_of_a_pass(self, int(pairs.lengths.sum())), self.packed, self.recompute, in_step=is_sharded(self))

    def _logits(self, pairs: JoinedPairs, places: Tensor) -> Tensor:                   # lengths ascending -> (n, L)
        tokens, types = pairs.select(places)
        if self.packed:
            logits = logits_packed(self.backbone, tokens, types, self.first_position)
        else:
            logits = logits_padded(self.backbone, tokens, types)
        return logits if logits.dtype == torch.float64 else logits.float()

    def score(self, pairs: Sequence[tuple[str, str]], batch_tokens: int | None = None, progress: bool = False) -> np.ndarray:
        """Scores of any number of pairs, in eval mode, without gradient, in `self.precision`; order kept.

        -> (N,) float32, or (N, L) with several labels, as sentence_transformers.CrossEncoder.predict gives them

        batch_tokens   tokens in one pass (default: 4,096 on CPU, where small passes stay in cache, 65,536 on a GPU)
        progress       show how far it is and the time left, on standard error
        """
        batch_tokens = batch_tokens or (4_096 if self.device.type == "cpu" else 65_536)
        scores = np.zeros((len(pairs), self.num_labels), dtype=np.float32)
        with (inferring(self, self.precision, self.device, len(pairs)),
              Progress(console=Console(stderr=True), disable=not progress) as bar):
            joined = self._join(pairs)
            # Short pairs come first: counted in tokens, the time left is right from the start.
            done = bar.add_task("scoring", total=int(joined.lengths.sum()))
            for part in micro_batches(joined.lengths, batch_tokens, self.packed):
                scores[part.numpy()] = self.activate(self._logits(joined, part)).view(len(part), -1).cpu().numpy()
                bar.advance(done, int(joined.lengths[part].sum()))
        return scores[:, 0] if self.num_labels == 1 else scores

    def activate(self, logits: Tensor) -> Tensor:
        """(N, L) logits -> scores: (N,) with one label, else (N, L)."""
        scores = logits.sigmoid() if self.activation == "sigmoid" else logits
        return scores[:, 0] if self.num_labels == 1 else scores

    def _join(self, pairs: Sequence[tuple[str, str]]) -> JoinedPairs:
        """Every distinct text tokenised once."""
        texts, places = [], []
        for side, prefix in enumerate([self.query_prefix, self.document_prefix]):
            place = {text: i for i, text in enumerate(dict.fromkeys(pair[side] for pair in pairs))}
            texts.append(self.tokenizer.tokens(list(place), prefix).to(self.device))
            places.append(torch.tensor([place[pair[side]] for pair in pairs], dtype=torch.long))   # (N,)
        return self.tokenizer.template.join(*texts, self.max_length, *places)

    def save_folder(self, path: str | Path) -> None:
        """A plain folder that `TextPairScorer.from_folder` and sentence_transformers.CrossEncoder read."""
        scorer_folder.save(self, path)

    @classmethod
    def from_folder(cls, path: str | Path, **changes: object) -> "TextPairScorer":
        """The cross-encoder a run left, or a published one, with its own settings.

        changes   arguments of the constructor that shall differ from what the folder says

        Raises
            UserError   there is no cross-encoder
        """
        made = cls(str(path), **{**scorer_folder.settings(path), **changes})
        if made.new_head and "num_labels" not in changes:
            raise UserError(f"{path} is damaged: it has no weights for its classification head")
        return made
