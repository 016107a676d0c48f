"""The bar counts passages, says what an earlier start left, and chunks change no number."""

import numpy as np
from toys import toy_texts

from lit_embed.commands import index_progress
from lit_embed.commands.index_progress import IndexProgress, embedding_by
from lit_embed.models import TextEncoder


def test_what_happens_is_said_once(capsys):
    with IndexProgress(50) as progress:
        for step, count in [("kept", 10), ("changed", 10), ("embedded", 10), ("learning", 7), ("added", 20)]:
            if step == "embedded":
                progress.embedded(count)
            progress.told(step, count)
    said = " ".join(capsys.readouterr().err.split())
    assert "other passages or settings from row 11 on" in said
    assert "10 of 20 passages were embedded by an earlier start" in said
    assert "learns from 7" in said and "20/20" in said


def test_chunks_change_no_number(toy_backbone, monkeypatch):
    encoder, texts, done = TextEncoder(toy_backbone, document_prefix="the "), toy_texts(30), []
    whole = encoder.encode(texts, "document")
    monkeypatch.setattr(index_progress, "CHUNK", 7)
    found = embedding_by(encoder, "document", None, done.append)(texts)
    np.testing.assert_allclose(found, whole, atol=1e-5)
    assert done == [7, 7, 7, 7, 2]
    assert embedding_by(encoder, "document", None, done.append)([]).shape == (0, 32)
