"""A TextEncoder as one ONNX graph, pooling and normalisation inside, for any number of texts of any length.

    input_ids, attention_mask (N, T), padded on the right  ->  last_hidden_state (N, T, D), sentence_embedding (N, D)

The folder has the layout that sentence-transformers gives its ONNX models: onnx/model.onnx beside tokenizer and settings.
"""

import copy
import importlib.util
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_embed.errors import UserError, first_line

if TYPE_CHECKING:
    from lit_embed.models.text_encoder import TextEncoder

IDS, MASK, TOKENS, EMBEDDING = "input_ids", "attention_mask", "last_hidden_state", "sentence_embedding"
ONNX, FLOAT, INT8 = "onnx", "model.onnx", "model_int8.onnx"
LARGEST = 2_000_000_000         # bytes of weights that fit into one file of protocol buffers beside the graph
# What the exporter says of every model: which of two equal axes gives the name, and a word about itself.
HARMLESS = ("# The axis name: .* will not be used", r"`isinstance\(treespec, LeafSpec\)` is deprecated")


def mean(hidden: Tensor, mask: Tensor) -> Tensor:
    real = mask.unsqueeze(-1).to(hidden.dtype)                                         # (N, T, 1)
    return (hidden * real).sum(dim=1) / real.sum(dim=1).clamp(min=1)


def cls(hidden: Tensor, mask: Tensor) -> Tensor:
    return hidden[:, 0]


def largest(hidden: Tensor, mask: Tensor) -> Tensor:
    return hidden.masked_fill(mask.unsqueeze(-1) == 0, -torch.inf).amax(dim=1)


def last(hidden: Tensor, mask: Tensor) -> Tensor:
    place = (mask.sum(dim=1) - 1).clamp(min=0).view(-1, 1, 1).expand(-1, 1, hidden.size(2))      # (N, 1, D)
    return hidden.gather(1, place).squeeze(1)


# models.pooling on padded texts, (N, T, D), (N, T) -> (N, D): what runs end to end has no fixed axes to export.
POOLINGS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"mean": mean, "cls": cls, "max": largest, "last": last}


class Graph(nn.Module):
    """The padded form of an encoder, of its own copy of the weights.

    Raises
        UserError   a pooling that has no such form
    """

    def __init__(self, encoder: "TextEncoder"):
        super().__init__()
        if encoder.pooling not in POOLINGS:
            raise UserError(f"pooling {encoder.pooling!r} has no ONNX form: there are {', '.join(POOLINGS)}")
        self.backbone = copy.deepcopy(encoder.backbone).cpu().float()
        self.backbone.set_attn_implementation("eager")         # plain products and softmax, which every runtime knows
        self.pooling, self.unit = POOLINGS[encoder.pooling], encoder.normalization == "l2"
        self.eval()

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:       # (N, T) each
        hidden = self.backbone(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state      # (N, T, D)
        pooled = self.pooling(hidden, attention_mask)                                            # (N, D)
        return hidden, F.normalize(pooled, dim=-1) if self.unit else pooled


def save(encoder: "TextEncoder", path: Path, int8: bool = False) -> None:
    """A folder that OnnxEncoder reads, without the weights of torch.

    int8   weights as 8-bit integers, one scale for each row; activations are rounded as they come

    Raises
        UserError   the extra is not installed, or torch cannot write this architecture as ONNX
    """
    need_packages("onnx", "onnxscript", "onnxruntime")
    graph = Graph(encoder)
    encoder.save_folder(path)
    for file in path.glob("*.safetensors*"):                 # the graph holds them
        file.unlink()
    (path / ONNX).mkdir()
    if not int8:
        return write_graph(graph, path / ONNX / FLOAT)
    with tempfile.TemporaryDirectory() as beside:
        write_graph(graph, Path(beside, FLOAT))
        quantize(Path(beside, FLOAT), path / ONNX / INT8)


def write_graph(graph: Graph, file: Path) -> None:
    """The graph in a file; weights of more than 2 GB lie beside it, in FILE.data."""
    ids = torch.full((3, 7), min(5, graph.backbone.config.vocab_size - 1))     # the sizes stand for any, the tokens for text
    mask = (torch.arange(7) < torch.tensor([[4], [5], [7]])).long()            # (3, 7)
    axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length")}
    size = sum(weight.numel() * weight.element_size() for weight in graph.parameters())
    try:
        with quiet_exporter(), torch.no_grad():
            program = torch.onnx.export(graph, (ids, mask), dynamo=True, verbose=False, input_names=[IDS, MASK],
                                        output_names=[TOKENS, EMBEDDING], dynamic_shapes=(axes, axes))
            for node in program.model.graph.all_nodes():     # each carries the stack it was traced in, with this machine's folders
                node.metadata_props.clear()
            program.save(file, external_data=size > LARGEST)
    except torch.onnx.OnnxExporterError as error:
        name = type(graph.backbone).__name__
        raise UserError(f"torch cannot write {name} as ONNX: {first_line(error.__cause__ or error)}") from error


def quantize(source: Path, file: Path) -> None:
    """Products and tables of `source` with 8-bit weights.

    Activations are rounded by their range in the whole pass, so that a text's embedding depends a little on its neighbours.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    apart = source.with_name(source.name + ".data").exists()
    with quiet_exporter():
        quantize_dynamic(source, file, per_channel=True, weight_type=QuantType.QInt8, use_external_data_format=apart)


@contextmanager
def quiet_exporter() -> Iterator[None]:
    """Without what torch and onnxruntime say of every model."""
    def worth_saying(record: logging.LogRecord) -> bool:
        return "pre-processing before quantization" not in record.getMessage()

    of_torch, root = logging.getLogger("torch.onnx"), logging.getLogger()
    level = of_torch.level
    of_torch.setLevel(logging.ERROR)
    root.addFilter(worth_saying)
    try:
        with warnings.catch_warnings():
            for message in HARMLESS:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        of_torch.setLevel(level)
        root.removeFilter(worth_saying)


def need_packages(*names: str) -> None:
    """
    Raises
        UserError   one is not installed
    """
    if missing := [name for name in names if importlib.util.find_spec(name) is None]:
        raise UserError(f'ONNX needs the package {missing[0]}, which is not installed: pip install "lit-embed[onnx]"')
