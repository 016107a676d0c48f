"""The settings as a YAML says them, and back."""

from toys import toy_texts

from lit_embed.models import DecoderSettings, Lora
from lit_embed.models.adaptation import adapted_backbone, adapted_tokenizer, as_values


def test_settings_are_plain_values():
    assert as_values(None) is None
    assert as_values(DecoderSettings(True)) == {"append_eos": True, "bidirectional": None}
    assert as_values(Lora(r=8)) == {"r": 8, "alpha": 32, "dropout": 0.05, "target_modules": "all-linear", "quantize": "none"}


def test_without_settings_a_backbone_is_what_it_was(backbone_folder):
    backbone, lora = adapted_backbone(backbone_folder("smollm"), None, None)
    assert lora is None and all(weight.requires_grad for weight in backbone.parameters())
    assert backbone.layers[0].self_attn.is_causal


def test_a_tokenizer_ends_texts_where_the_last_token_of_a_decoder_is_taken(backbone_folder):
    def end(last_of_decoder: bool) -> int:
        return adapted_tokenizer(backbone_folder("smollm"), 8, None, last_of_decoder).tokenize(toy_texts(1))[0][-1]

    assert end(True) == 3 != end(False)
