"""Text to token ids, laid end to end: no padding, one place that truncates, and a fingerprint for the cache."""

import hashlib
import json
import logging
from itertools import chain

import numpy as np
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from lit_embed.errors import UserError, first_line
from lit_embed.models.decoder import end_with_eos
from lit_embed.models.resolve import resolve

# The tokenizer warns about each text longer than the model's limit; here every text is truncated on purpose.
logging.getLogger("transformers.tokenization_utils_base").setLevel(logging.ERROR)


def load_tokenizer(backbone: str) -> PreTrainedTokenizerBase:
    """The tokenizer in a backbone's folder or on the Hub, with a padding token; never code from the Hub.

    Raises
        UserError   no tokenizer in that folder, or no hub to take it from
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(resolve(backbone), trust_remote_code=False)
    except ImportError as error:
        raise UserError(f"the tokenizer of {backbone} needs a package that is not installed: {first_line(error)}") from error
    except (OSError, ValueError) as error:
        raise UserError(f"no tokenizer in {backbone}: {first_line(error)}; give a folder that holds one") from error
    if tokenizer.pad_token is None:                    # never needed to train; a saved folder needs one to be padded
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return tokenizer


def end_to_end(rows: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Ids of N texts -> ids (S,) int32, lengths (N,) int32."""
    lengths = np.fromiter(map(len, rows), dtype=np.int32, count=len(rows))
    return np.fromiter(chain.from_iterable(rows), dtype=np.int32, count=int(lengths.sum())), lengths


def fingerprint(tokenizer: PreTrainedTokenizerBase, *settings: object) -> str:
    """Changes whenever the ids of any text could change."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:                                # tokenizers written in Python have no serialised form
        rules = {"class": type(tokenizer).__name__, "vocabulary": tokenizer.get_vocab()}
    else:
        rules = json.loads(backend.to_str())
        rules.pop("truncation", None), rules.pop("padding", None)           # state of the last call, not rules
    text = json.dumps([rules, *settings], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class TextTokenizer:
    """The tokenizer of a backbone, with the maximum length that belongs to the experiment.

    Raises
        UserError   no tokenizer in that folder, or no hub to take it from
    """

    def __init__(self, backbone: str, max_length: int):
        self.max_length = max_length
        self.hugging_face = load_tokenizer(backbone)
        self.fingerprint = fingerprint(self.hugging_face, max_length, self._stand_in())

    def append_eos(self) -> None:
        """Every text ends with the EOS token from now on, whatever its length; raises as `end_with_eos` does."""
        end_with_eos(self.hugging_face)
        self.fingerprint = fingerprint(self.hugging_face, self.max_length, self._stand_in())

    def tokenize(self, texts: list[str], prefix: str = "") -> tuple[np.ndarray, np.ndarray, int]:
        """N texts, each with `prefix` before it -> ids (S,) int32, lengths (N,) int32, how many were truncated.

        A text without a single token (an empty one, for decoders that add no special tokens) becomes one
        end-of-text token, so that every text has an embedding.
        """
        rows = self._ids([prefix + text for text in texts], truncation=True) if texts else []
        full = [i for i, row in enumerate(rows) if len(row) == self.max_length]
        untruncated = self._ids([prefix + texts[i] for i in full], truncation=False) if full else []
        truncated = sum(len(row) > self.max_length for row in untruncated)
        ids, lengths = end_to_end([row or [self._stand_in()] for row in rows])
        return ids, lengths, truncated

    def _ids(self, texts: list[str], truncation: bool) -> list[list[int]]:
        settings = {"truncation": True, "max_length": self.max_length} if truncation else {"truncation": False}
        answer = self.hugging_face(texts, return_attention_mask=False, return_token_type_ids=False, **settings)
        return answer["input_ids"]

    def _stand_in(self) -> int:
        candidates = (self.hugging_face.eos_token_id, self.hugging_face.bos_token_id, self.hugging_face.pad_token_id)
        return next((token for token in candidates if token is not None), 0)
