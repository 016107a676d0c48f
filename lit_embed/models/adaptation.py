"""What else makes an encoder of a pretrained model: how texts end, which way attention looks, which adapters are trained."""

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
class Adaptation:
    """All of it may be left out; a folder that training left says it by itself."""

    append_eos: bool | None = None
    """End each text with the tokenizer's EOS token, within max_length; None: where the last token of a decoder that was not yet
    trained as an encoder stands for the text."""
    bidirectional: bool | None = None
    """Let every token of a decoder see the whole text; None: as the folder says, causal unless it was trained otherwise."""
    lora: Lora | None = None
    """Train low-rank adapters beside the backbone's linear layers, and nothing else of it."""


def as_values(adapt: Adaptation | None) -> dict[str, object] | None:
    """As a YAML would say it."""
    return None if adapt is None else asdict(adapt)


def adapted_backbone(backbone: str, adapt: Adaptation) -> tuple[PreTrainedModel, Adaptation]:
    """The model of a folder or of the backbone that a folder of adapters names, and the settings with what the folder adds to them.

    Raises
        UserError   whatever loading, `bidirectional` or `lora` has to say
    """
    on_adapters = adapter_folder.is_adapter(backbone)
    base = adapter_folder.base_of(backbone) if on_adapters else backbone
    quantized = adapt.lora is not None and adapt.lora.quantize != "none"
    model = load_backbone(base, four_bits() if quantized else {})
    both = says_bidirectional(resolve(backbone)) if on_adapters and adapt.bidirectional is None else adapt.bidirectional
    look_both_ways(model, both)
    if on_adapters:
        adapter_folder.load_adapters(model, backbone, adapt.lora)
        found = settings_of(model.peft_config["default"])
        adapt = replace(adapt, lora=replace(found, quantize=adapt.lora.quantize) if adapt.lora else found)
    elif adapt.lora is not None:
        with_lora(model, adapt.lora, adapter_folder.reference(backbone))
    return model, adapt


def adapted_tokenizer(backbone: str, max_length: int, append_eos: bool | None, last_of_decoder: bool) -> TextTokenizer:
    """The tokenizer of the backbone, texts ending as `Adaptation.append_eos` says.

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
