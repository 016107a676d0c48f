"""A decoder as an encoder: the last token of each text is EOS however it is padded, and attention looks both ways where asked."""

import numpy as np
import pytest
import torch
from toys import toy_texts
from transformers import AutoModel, AutoTokenizer

from lit_embed.errors import UserError
from lit_embed.models import DecoderSettings, TextEncoder, TextTokenizer
from lit_embed.models.backbone import attend_padded, load_backbone, probe
from lit_embed.models.decoder import end_with_eos, ends_texts, is_decoder, look_both_ways, looks_ahead
from lit_embed.models.tokenizer import load_tokenizer

EOS, BOTH = 3, DecoderSettings(bidirectional=True)
TEXTS = [*toy_texts(6), "", "the cat " * 20]
ARCHITECTURES = ["smollm", "mistral", "qwen3", "gemma2"]
# transformers counts a window one wider when it reaches to both sides; Gemma 2 caps its scores: the probe pads them.
PADS = ["mistral", "gemma2"]


def padded_by_hand(folder: str, side: str) -> np.ndarray:
    """EOS behind each text, cut to 16 tokens before that, padded on one side by hand, the plain model, its vector at EOS."""
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    rows = [tokenizer(text, truncation=True, max_length=15)["input_ids"] + [EOS] for text in TEXTS]
    longest = max(map(len, rows))
    left = [longest - len(row) if side == "left" else 0 for row in rows]
    ids, mask, positions = (torch.zeros(len(rows), longest, dtype=torch.long) for _ in range(3))
    for i, (row, skip) in enumerate(zip(rows, left, strict=True)):
        ids[i, skip:skip + len(row)], mask[i, skip:skip + len(row)] = torch.tensor(row), 1
        positions[i, skip:skip + len(row)] = torch.arange(len(row))
    with torch.no_grad():
        hidden = model(input_ids=ids, attention_mask=mask, position_ids=positions).last_hidden_state
    return np.stack([hidden[i, skip + len(row) - 1] for i, (row, skip) in enumerate(zip(rows, left, strict=True))])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_packed_padded_left_and_right_are_the_same_embeddings(architecture, backbone_folder):
    folder = backbone_folder(architecture)
    encoder = TextEncoder(folder, "last", 16)
    assert encoder.packed == (architecture != "gemma2") and encoder.tokenizer.hugging_face.padding_side == "left"
    packed = encoder.encode(TEXTS)
    encoder.first_position = None                                      # the padded path
    attend_padded(encoder.backbone)
    for other in (encoder.encode(TEXTS), padded_by_hand(folder, "right"), padded_by_hand(folder, "left")):
        np.testing.assert_allclose(packed, other, rtol=1e-4, atol=1e-5)


def test_every_text_ends_with_eos_whatever_its_length(backbone_folder):
    tokenizer = TextTokenizer(backbone_folder("smollm"), 5)
    before, (plain, lengths, _) = tokenizer.fingerprint, tokenizer.tokenize(TEXTS)
    assert EOS not in plain and lengths.max() == 5
    tokenizer.append_eos()
    ids, lengths, truncated = tokenizer.tokenize(TEXTS)
    assert (ids[lengths.cumsum() - 1] == EOS).all() and (ids == EOS).sum() == len(TEXTS) and lengths.max() == 5 and truncated
    assert tokenizer.tokenize([""])[0].tolist() == [2, EOS] and tokenizer.fingerprint != before


def test_eos_is_appended_once_and_only_where_a_decoders_last_token_stands_for_the_text(backbone_folder, tmp_path):
    def end(backbone: str, pooling: str, append_eos: bool | None = None) -> list[int]:
        return TextEncoder(backbone, pooling, 16, decoder=DecoderSettings(append_eos)).tokenizer.tokenize(["cat"])[0].tolist()[-2:]

    smollm = backbone_folder("smollm")
    assert end(smollm, "last")[-1] == end(smollm, "mean", True)[-1] == EOS and end(smollm, "last")[-2] != EOS
    assert end(smollm, "mean") == end(smollm, "last", False) and EOS not in end(smollm, "mean")
    assert end(backbone_folder("llama"), "last")[-2] != EOS            # its tokenizer does so already
    TextEncoder(smollm, "last", decoder=DecoderSettings(append_eos=False)).save_folder(tmp_path / "without")
    assert EOS not in end(str(tmp_path / "without"), "last")           # trained without


def test_words_in_the_tokenizers_config_that_would_undo_it_are_changed(backbone_folder, tmp_path):
    tokenizer = load_tokenizer(backbone_folder("smollm"))
    tokenizer.init_kwargs |= {"add_bos_token": True, "add_eos_token": False}          # as Mistral's says
    end_with_eos(tokenizer)
    assert ends_texts(tokenizer)
    tokenizer.save_pretrained(tmp_path)
    assert load_tokenizer(str(tmp_path))("cat")["input_ids"] == tokenizer("cat")["input_ids"]


@pytest.mark.parametrize("architecture, pooling", [("smollm", "last"), ("mistral", "mean"), ("qwen3", "mean")])
@pytest.mark.filterwarnings("default")              # what another library warns of is its own affair
def test_a_folder_keeps_eos_and_both_ways_and_sentence_transformers_reads_them(architecture, pooling, backbone_folder, tmp_path):
    from sentence_transformers import SentenceTransformer

    encoder = TextEncoder(backbone_folder(architecture), pooling, 16, query_prefix="old: \nnew: ", decoder=BOTH)
    encoder.save_folder(tmp_path / "model")
    again, theirs = TextEncoder.from_folder(tmp_path / "model"), SentenceTransformer(str(tmp_path / "model"), device="cpu")
    np.testing.assert_allclose(again.encode(TEXTS, "query"), encoder.encode(TEXTS, "query"), atol=1e-5)
    assert again.tokenizer.fingerprint == encoder.tokenizer.fingerprint and again.query_prefix == "old: \nnew: "
    np.testing.assert_allclose(theirs.encode(TEXTS), encoder.encode(TEXTS), atol=1e-5)
    np.testing.assert_allclose(theirs.encode(TEXTS[:1]), encoder.encode(TEXTS[:1]), atol=1e-5)        # nothing to pad


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_both_ways_the_first_token_sees_the_last(architecture, backbone_folder):
    backbone = load_backbone(backbone_folder(architecture))
    assert is_decoder(backbone) and not looks_ahead(backbone)
    look_both_ways(backbone, True)
    assert is_decoder(backbone) and looks_ahead(backbone) and (probe(backbone) is None) == (architecture in PADS)
    attend_padded(backbone)
    look_both_ways(backbone, False)
    assert not looks_ahead(backbone)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_both_ways_packed_equals_padded(architecture, backbone_folder):
    encoder = TextEncoder(backbone_folder(architecture), "cls", 40, decoder=BOTH)
    packed = encoder.encode(TEXTS)
    assert encoder.packed == (architecture not in PADS)
    encoder.first_position = None
    attend_padded(encoder.backbone)
    np.testing.assert_allclose(packed, encoder.encode(TEXTS), rtol=1e-4, atol=1e-5)
    changed = [*TEXTS[:-1], TEXTS[-1].strip() + " dog"]
    assert np.abs(encoder.encode([TEXTS[0] + " dog"]) - packed[0]).max() > 1e-3
    np.testing.assert_allclose(encoder.encode(changed)[:-1], packed[:-1], rtol=1e-4, atol=1e-5)


def test_a_window_that_no_text_fills_is_no_reason_to_pad(backbone_folder):
    backbone = load_backbone(backbone_folder("mistral"))
    backbone.config.sliding_window = 20
    look_both_ways(backbone, True)
    assert (probe(backbone), probe(backbone, 11), probe(backbone, 10)) == (None, None, 0)


def test_what_cannot_be_is_one_line(toy_backbone, backbone_folder):
    with pytest.raises(UserError, match="sees the whole text already"):
        TextEncoder(toy_backbone, decoder=BOTH)
    with pytest.raises(UserError, match="has no EOS token"):
        TextEncoder(backbone_folder("llama"), "last", decoder=DecoderSettings(append_eos=True))
