"""What makes an encoder of a decoder: how texts end, which way attention looks; and of any model, which adapters are trained."""

from dataclasses import asdict, dataclass, replace

from transformers import PreTrainedModel

from lit_embed.models import adapter_folder
from lit_embed.models.backbone import load_backbone
from lit_embed.models.decoder import ends_texts, look_both_ways
from lit_embed.models.folder import is_trained, says_bidirectional
from lit_embed.models.lora import Lora, settings_of, with_lora
from lit_embed.models.quantization import four_bits
from lit_embed.models.resolve import resolve
from lit_embed.models.tokenizer import TextTokenizer


@dataclass
class DecoderSettings:
    """Both may be left out; a folder that training left says them by itself."""

    append_eos: bool | None = None
    """End each text with the tokenizer's EOS token, within max_length; None: where the last token of a decoder that was not yet
    trained as an encoder stands for the text."""
    bidirectional: bool | None = None
    """Let every token of a decoder see the whole text; None: as the folder says, causal unless it was trained otherwise."""


def as_values(settings: Lora | DecoderSettings | None) -> dict[str, object] | None:
    """As a YAML would say it."""
    return None if settings is None else asdict(settings)


def adapted_backbone(backbone: str, bidirectional: bool | None, lora: Lora | None) -> tuple[PreTrainedModel, Lora | None]:
    """The model of a folder or of the backbone that a folder of adapters names, and the adapters with what the folder adds to them.

    Raises
        UserError   whatever loading, `bidirectional` or `lora` has to say
    """
    on_adapters = adapter_folder.is_adapter(backbone)
    base = adapter_folder.base_of(backbone) if on_adapters else backbone
    model = load_backbone(base, four_bits() if lora is not None and lora.quantize != "none" else {})
    both = says_bidirectional(resolve(backbone)) if on_adapters and bidirectional is None else bidirectional
    look_both_ways(model, both)
    if on_adapters:
        adapter_folder.load_adapters(model, backbone, lora)
        found = settings_of(model.peft_config["default"])
        lora = replace(found, quantize=lora.quantize) if lora else found
    elif lora is not None:
        with_lora(model, lora, adapter_folder.reference(backbone))
    return model, lora


def adapted_tokenizer(backbone: str, max_length: int, append_eos: bool | None, last_of_decoder: bool) -> TextTokenizer:
    """The tokenizer of the backbone, texts ending as `DecoderSettings.append_eos` says.

    last_of_decoder   whether the last token of a decoder stands for the text
    """
    tokenizer = TextTokenizer(adapter_folder.tokenizer_of(backbone), max_length)
    if append_eos is None:
        hugging_face = tokenizer.hugging_face
        append_eos = (last_of_decoder and not is_trained(resolve(backbone)) and hugging_face.eos_token is not None
                      and hugging_face.is_fast and not ends_texts(hugging_face))
    if append_eos:
        tokenizer.append_eos()
    return tokenizer
