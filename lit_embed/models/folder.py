"""A model as a plain folder in the layout of sentence-transformers: safetensors, tokenizer, pooling, normalisation, prefixes."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from lit_embed.errors import UserError
from lit_embed.files import write_beside
from lit_embed.models.adapter_folder import save_adapters
from lit_embed.models.weights import in_float32

if TYPE_CHECKING:
    from lit_embed.models.text_encoder import TextEncoder

# Our name, and the key that every release of sentence-transformers since 2.3 reads.
POOLING_KEYS = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token", "max": "pooling_mode_max_tokens",
                "last": "pooling_mode_lasttoken"}
NEWER_NAMES = {"mean": "mean", "cls": "cls", "max": "max", "lasttoken": "last"}
MODULE = "sentence_transformers.models."
OURS = "lit_embed.json"             # what a folder of adapters says of its backbone's attention


def save(encoder: "TextEncoder", path: str | Path) -> None:
    """Weights and settings of `encoder`, of one with adapters these alone; the folder appears whole or not at all."""
    with write_beside(path) as beside:
        beside.mkdir()
        if encoder.lora is None:
            encoder.backbone.save_pretrained(beside, state_dict=in_float32(encoder.backbone), safe_serialization=True)
            write_json(beside / "config.json", for_readers(read_json(beside / "config.json")))
        else:
            save_adapters(encoder.backbone, beside)
            write_json(beside / OURS, {"is_causal": getattr(encoder.backbone.config, "is_causal", True)})
        encoder.tokenizer.hugging_face.save_pretrained(beside)
        modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
        modules += [("2_Normalize", "Normalize")] if encoder.normalization == "l2" else []
        write_json(beside / "modules.json", [{"idx": i, "name": str(i), "path": path, "type": MODULE + kind}
                                         for i, (path, kind) in enumerate(modules)])
        write_json(beside / "sentence_bert_config.json", {"max_seq_length": encoder.max_length, "do_lower_case": False})
        write_json(beside / "1_Pooling/config.json", {"word_embedding_dimension": encoder.width}
               | {key: name == encoder.pooling for name, key in POOLING_KEYS.items()})
        if encoder.normalization == "l2":
            (beside / "2_Normalize").mkdir()
        write_json(beside / "config_sentence_transformers.json", {
            "prompts": {"query": encoder.query_prefix, "document": encoder.document_prefix},
            "default_prompt_name": None, "similarity_fn_name": "cosine"})


def settings(path: str | Path) -> dict[str, object]:
    """The constructor arguments, beside the backbone, that the folder at `path` stands for.

    Raises
        UserError   there is no such folder, or it holds modules beyond transformer, pooling and normalisation
    """
    path = Path(path)
    if not (path / "config.json").is_file() and not (path / "adapter_config.json").is_file():
        raise UserError(f"{path} is not a model folder: it has no config.json")
    modules = _modules(path)
    kinds = read_json(path / "config.json").get("architectures") or [""]
    if kinds[0].endswith("ForSequenceClassification") and "Pooling" not in modules:
        raise UserError(f"{path} is a cross-encoder, which scores pairs of texts and has no embeddings: give the folder of "
                        "a bi-encoder, or use it for re-ranking")
    if not modules:                                          # a bare Hugging Face folder says nothing about pooling
        return {}
    if unknown := set(modules) - {"Transformer", "Pooling", "Normalize"}:
        raise UserError(f"{path}/modules.json has {', '.join(sorted(unknown))}: only transformer, pooling and "
                        "normalisation can be read")
    found = {"pooling": _pooling(path / modules["Pooling"] / "config.json") if "Pooling" in modules else "mean",
             "normalization": "l2" if "Normalize" in modules else "none"}
    if length := read_json(path / "sentence_bert_config.json").get("max_seq_length"):
        found["max_length"] = length
    prompts = read_json(path / "config_sentence_transformers.json").get("prompts", {})
    found["query_prefix"] = prompts.get("query") or ""
    found["document_prefix"] = prompts.get("document") or prompts.get("passage") or ""
    return found


def differences(encoder: "TextEncoder", path: str | Path) -> list[str]:
    """How `encoder` uses the backbone at `path` otherwise than that folder says it was trained."""
    if not is_trained(path):
        return []
    trained = settings(path)
    return [f"{name} {trained[name]!r}, here {getattr(encoder, name)!r}"
            for name in ("pooling", "query_prefix", "document_prefix") if trained[name] != getattr(encoder, name)]


def is_trained(path: str | Path) -> bool:
    """Whether the folder at `path` says how its embeddings are made."""
    return "Pooling" in _modules(Path(path))


def says_bidirectional(path: str | Path) -> bool | None:
    """Whether the adapters in the folder at `path` were trained with every token seeing the whole text; None: nothing is said."""
    causal = read_json(Path(path) / OURS).get("is_causal")
    return None if causal is None else not causal


def _modules(path: Path) -> dict[str, str]:
    """The parts of a folder of sentence-transformers, and where each is; none for a bare Hugging Face folder."""
    return {module["type"].rsplit(".", 1)[-1]: module["path"] for module in read_json(path / "modules.json")}


def _pooling(file: Path) -> str:
    config = read_json(file)
    if "pooling_mode" in config:
        modes = [NEWER_NAMES.get(config["pooling_mode"], config["pooling_mode"])]
    else:
        keys = {key: name for name, key in POOLING_KEYS.items()}
        modes = [keys.get(key, key) for key, on in config.items() if key.startswith("pooling_mode_") and on]
    if len(modes) != 1 or modes[0] not in POOLING_KEYS:
        raise UserError(f"{file}: pooling {' with '.join(map(str, modes))} is not one of {', '.join(POOLING_KEYS)}")
    return modes[0]


def for_readers(config: dict) -> dict:
    """A config.json without what is only true in here."""
    # Packed attention is this library's; a reader of the folder starts from its own default.
    kept = {key: value for key, value in config.items() if key not in ("_attn_implementation", "use_cache")}
    return kept | {"dtype": "float32"}                       # of the file, not of the run


def read_json(file: Path) -> dict:
    return json.loads(file.read_text(encoding="utf8")) if file.is_file() else {}


def write_json(file: Path, content: object) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf8")
