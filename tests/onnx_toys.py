"""A toy BERT as ONNX, written once a session: torch takes seconds for it."""

import logging
import tempfile
from functools import cache
from pathlib import Path

import pytest

from lit_embed.models import TextEncoder, onnx_export

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
# pytest would format thousands of records of torch's tracing.
logging.getLogger("torch.__trace").propagate = False


@cache
def exported_bert(toy_backbone: str) -> bytes:
    """The graph of TextEncoder(toy_backbone): mean pooling, nothing normalised."""
    with tempfile.TemporaryDirectory() as folder:
        onnx_export.save(TextEncoder(toy_backbone), Path(folder, "out"))
        return Path(folder, "out/onnx/model.onnx").read_bytes()
