"""An exported model, which embeds as the TextEncoder it was made of did: ONNX instead of torch's layers, the same `encode`.

    encoder = OnnxEncoder("exported")
    vectors = encoder.encode(["a text", "another"], role="document")                   # (2, D) float32
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor
from transformers import AutoConfig

from lit_embed.batches import Tokens
from lit_embed.errors import UserError, first_line
from lit_embed.models import folder
from lit_embed.models.backbone import padded_inputs
from lit_embed.models.inference import Precision
from lit_embed.models.micro_batches import micro_batches
from lit_embed.models.onnx_export import EMBEDDING, ONNX, need_packages
from lit_embed.models.text_encoder import BLOCK
from lit_embed.models.tokenizer import TextTokenizer
from lit_embed.models.weights import check_positions

WEIGHTS = ("*.safetensors", "pytorch_model*.bin")           # a folder of both kinds is read as torch's
SLACK, FEW = 1.25, 8            # a text longer than this times the shortest of its pass, plus these tokens, begins another


def is_onnx(path: str | Path) -> bool:
    """Whether the model in this folder is there as ONNX alone."""
    return any(Path(path, ONNX).glob("*.onnx")) and not any(file for kind in WEIGHTS for file in Path(path).glob(kind))


def open_onnx(path: str | Path, max_length: int | None = None, precision: Precision = "float32") -> "OnnxEncoder":
    """
    Raises
        UserError   a precision that was not asked for when the model was exported
    """
    if precision != "float32":
        raise UserError(f"--precision {precision}: the ONNX model in {path} computes as it was exported; leave it out")
    return OnnxEncoder(path, max_length)


class OnnxEncoder:
    """The folder that `lit-embed export --to onnx` (or onnx-int8) wrote: N texts -> (N, D), on as many threads as torch has.

    max_length   tokens of a text; None: as the folder says

    Raises
        UserError    onnxruntime is not installed, no graph in the folder, several, or one that gives no embeddings
    """

    def __init__(self, path: str | Path, max_length: int | None = None):
        need_packages("onnxruntime")
        found = folder.settings(path) | ({} if max_length is None else {"max_length": max_length})
        if "pooling" not in found or "max_length" not in found:
            raise UserError(f"{path} does not say how long its texts are: it has no modules.json with sentence_bert_config.json; "
                            "export the model with lit-embed export")
        self.pooling, self.normalization, self.max_length = found["pooling"], found["normalization"], found["max_length"]
        self.query_prefix, self.document_prefix = found["query_prefix"], found["document_prefix"]
        self.config = AutoConfig.from_pretrained(path, trust_remote_code=False)
        check_positions(self.config, str(path), self.max_length)
        self.tokenizer = TextTokenizer(str(path), self.max_length)
        self.file = graph_file(Path(path))
        self.session = open_session(self.file)
        widths = {output.name: output.shape[-1] for output in self.session.get_outputs()}
        if not isinstance(widths.get(EMBEDDING), int):
            raise UserError(f"{self.file} gives {', '.join(widths)} and no {EMBEDDING}: export the model with lit-embed export")
        self.width: int = widths[EMBEDDING]
        self.takes = {put.name for put in self.session.get_inputs()}

    def encode(self, texts: list[str], role: Literal["text", "query", "document"] = "text", batch_tokens: int | None = None,
               progress: bool = False) -> np.ndarray:
        """Embeddings of any number of texts; order kept.  -> (N, D) float32; arguments as in TextEncoder.encode."""
        prefix = {"text": "", "query": self.query_prefix, "document": self.document_prefix}[role]
        embeddings = np.zeros((len(texts), self.width), dtype=np.float32)
        with Progress(console=Console(stderr=True), disable=not progress) as bar:
            done = bar.add_task("encoding", total=len(texts))
            for start in range(0, len(texts), BLOCK):
                ids, lengths, _ = self.tokenizer.tokenize(list(texts[start:start + BLOCK]), prefix)
                tokens = Tokens(torch.from_numpy(ids), torch.from_numpy(lengths).long())
                for part in passes(tokens.lengths, batch_tokens or 4_096):
                    embeddings[start + part.numpy()] = self._embed(tokens.select(part))
                    bar.advance(done, len(part))
        return embeddings

    def _embed(self, tokens: Tokens) -> np.ndarray:                                    # (N, D)
        inputs = padded_inputs(tokens, self.config.pad_token_id or 0)
        inputs["token_type_ids"] = torch.zeros_like(inputs["input_ids"])       # graphs that others exported may ask for them
        return self.session.run([EMBEDDING], {name: value.numpy() for name, value in inputs.items() if name in self.takes})[0]

    def weights_digest(self) -> str:
        """Changes with the graph and its weights."""
        digest = hashlib.blake2b(digest_size=16)
        for file in sorted(self.file.parent.iterdir()):
            with open(file, "rb") as stream:
                while piece := stream.read(1 << 24):
                    digest.update(piece)
        return digest.hexdigest()


def passes(lengths: Tensor, batch_tokens: int) -> Iterator[Tensor]:
    """Places of texts of about the same length, the shortest first, so that little of a pass is padding."""
    for part in micro_batches(lengths, batch_tokens, packed=False):
        start, own = 0, lengths[part].tolist()                                         # ascending
        for place, length in enumerate(own):
            if length > own[start] * SLACK + FEW:
                yield part[start:place]
                start = place
        yield part[start:]


def graph_file(path: Path) -> Path:
    """
    Raises
        UserError   no ONNX file there, or several
    """
    files = sorted(Path(path, ONNX).glob("*.onnx"))
    if len(files) != 1:
        there = f"{len(files)} ONNX files: leave the one that is meant" if files else "no ONNX file"
        raise UserError(f"{path / ONNX} holds {there}")
    return files[0]


def open_session(file: Path):
    """An onnxruntime session, on a GPU where the installed package has one to offer.

    Raises
        UserError   the file is damaged, or of a later version of ONNX
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    there = onnxruntime.get_available_providers()
    providers = [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in there]
    try:
        return onnxruntime.InferenceSession(str(file), options, providers)
    except Exception as error:                               # its exceptions share no class but this
        raise UserError(f"{file} cannot be opened ({first_line(error)}): export the model again") from error
