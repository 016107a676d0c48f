"""A cross-encoder as a plain Hugging Face folder: safetensors, tokenizer, and in config.json what makes a score of a logit.

Any release of sentence_transformers.CrossEncoder reads the folder with the same scores; folders it wrote are read here.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from transformers import AutoConfig, PretrainedConfig
from transformers.utils import cached_file

from lit_embed.errors import UserError, first_line
from lit_embed.files import write_beside
from lit_embed.models.folder import for_readers, read_json, write_json
from lit_embed.models.resolve import resolve
from lit_embed.models.weights import in_float32, positions

if TYPE_CHECKING:
    from lit_embed.models.text_pair_scorer import TextPairScorer

HEAD = "ForSequenceClassification"
# What folders call the function from logit to score; a name is looked up here and never imported.
ACTIVATIONS = {"torch.nn.modules.activation.Sigmoid": "sigmoid", "torch.nn.Sigmoid": "sigmoid",
               "torch.nn.modules.linear.Identity": "identity", "torch.nn.Identity": "identity"}
WRITTEN = {"sigmoid": "torch.nn.modules.activation.Sigmoid", "identity": "torch.nn.modules.linear.Identity"}


def save(scorer: "TextPairScorer", path: str | Path) -> None:
    """Weights and settings of `scorer`; the folder appears whole or not at all."""
    with write_beside(path) as beside:
        beside.mkdir()
        scorer.backbone.save_pretrained(beside, state_dict=in_float32(scorer.backbone), safe_serialization=True)
        scorer.tokenizer.hugging_face.save_pretrained(beside)
        file = beside / "tokenizer_config.json"
        write_json(file, read_json(file) | {"model_max_length": scorer.max_length})
        write_json(beside / "config.json", for_readers(read_json(beside / "config.json")) | {
            # Releases from 4 on read the first, older ones the second.
            "sentence_transformers": {"activation_fn": WRITTEN[scorer.activation]},
            "sbert_ce_default_activation_function": WRITTEN[scorer.activation],
            "lit_embed": {"query_prefix": scorer.query_prefix, "document_prefix": scorer.document_prefix}})


def settings(path: str | Path) -> dict[str, object]:
    """The constructor arguments, beside the backbone, that the cross-encoder at `path` stands for.

    Raises
        UserError   nothing there, no classification head, or parts that cannot be read
    """
    try:
        config = AutoConfig.from_pretrained(resolve(str(path)), trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not a model folder: {first_line(error)}") from error
    kinds = config.architectures or []
    if not any(kind.endswith(HEAD) for kind in kinds):
        raise UserError(f"{path} is not a cross-encoder: {kinds[0] if kinds else 'its model'} has no classification head; "
                        "give a folder that training a CrossEncoder left, or a published cross-encoder")
    parts = {part["type"].rsplit(".", 1)[-1] for part in _read(path, "modules.json")}
    if unknown := parts - {"Transformer"}:
        raise UserError(f"{path}: modules.json has {', '.join(sorted(unknown))}; only a transformer with its own "
                        "classification head can be read")
    longest = min(_read(path, "tokenizer_config.json").get("model_max_length") or 512, positions(config) or 512)
    return {"num_labels": config.num_labels, "max_length": int(longest), **_prefixes(config)}


def differences(scorer: "TextPairScorer") -> list[str]:
    """How `scorer` uses its backbone otherwise than the folder says it was trained."""
    return [f"{name} {prefix!r}, here {getattr(scorer, name)!r}" for name, prefix in _prefixes(scorer.backbone.config).items()
            if not scorer.new_head and prefix != getattr(scorer, name)]


def _prefixes(config: PretrainedConfig) -> dict[str, str]:
    ours = getattr(config, "lit_embed", {})
    return {name: ours.get(name, "") for name in ("query_prefix", "document_prefix")}


def activation(backbone: str, config: PretrainedConfig) -> str:
    """"sigmoid" or "identity": what the backbone says makes a score of a logit, else what its number of labels suggests.

    Raises
        UserError   it names another function
    """
    named = (_read(backbone, "config_sentence_transformers.json").get("activation_fn")
             or (getattr(config, "sentence_transformers", None) or {}).get("activation_fn")
             or getattr(config, "sbert_ce_default_activation_function", None))
    if named is None:
        return "sigmoid" if config.num_labels == 1 else "identity"
    if named not in ACTIVATIONS:
        raise UserError(f"{backbone} makes scores with {named}, which is not run here: only Sigmoid and Identity of torch.nn are")
    return ACTIVATIONS[named]


def _read(backbone: str | Path, name: str) -> dict | list:
    """A JSON file of a folder or of a model on the Hub; empty where there is none."""
    try:
        file = cached_file(resolve(str(backbone)), name)
    except OSError:
        return {}
    return read_json(Path(file)) if file else {}
