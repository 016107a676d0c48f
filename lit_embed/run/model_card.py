"""The README.md of an exported model: what it is, how to use it, and of its training what the run folder knows, nothing else."""

import json
import re
from pathlib import Path

import yaml

from lit_embed.models import TextEncoder, TextPairScorer
from lit_embed.run.card_figures import evaluated, figures, result_of, table
from lit_embed.run.run_folder import CONFIG

TRAINER = ("max_epochs", "max_steps", "precision", "accumulate_grad_batches", "gradient_clip_val", "devices", "num_nodes")
ON_THE_HUB = re.compile(r"[\w.-]+/[\w.-]+")
USE = {
    "sentence-transformers": '''from sentence_transformers import SentenceTransformer

model = SentenceTransformer("{name}")
questions = model.encode_query(["what to look for"])
passages = model.encode_document(["a text", "another"])
print(model.similarity(questions, passages))''',
    "cross-encoder": '''from sentence_transformers import CrossEncoder

model = CrossEncoder("{name}")
print(model.predict([({question}, {first}), ({question}, {second})]))''',
    "onnx": '''from lit_embed.models.onnx_encoder import OnnxEncoder                     # pip install "lit-embed[onnx]"

model = OnnxEncoder("{name}")
questions = model.encode(["what to look for"], "query")
passages = model.encode(["a text", "another"], "document")

# Or by onnxruntime alone: onnx/{file} takes input_ids and attention_mask, padded on the right, and gives sentence_embedding.'''}
KINDS = {"sentence-transformers": ("sentence-transformers", "sentence-similarity"), "onnx": ("onnx", "sentence-similarity"),
         "cross-encoder": ("sentence-transformers", "text-ranking")}


def model_card(name: str, kind: str, model: TextEncoder | TextPairScorer, run: Path | None, checked: str, file: str = "",
               evaluation: dict | None = None) -> str:
    """Markdown, with the YAML at its head that the Hub reads.

    name         what the model is called where it will lie
    kind         sentence-transformers, onnx or cross-encoder
    run          folder of the run that trained it, None where nobody knows
    checked      what comparing it with the original gave
    file         the ONNX file
    evaluation   what `lit-embed evaluate --json` wrote
    """
    config = yaml.safe_load((run / CONFIG).read_text(encoding="utf8")) if run and (run / CONFIG).is_file() else {}
    query, document = model.query_prefix, model.document_prefix
    question, first, second = map(_quoted, (query + "a question", document + "a text", document + "another"))
    use = USE[kind].format(name=name, file=file, question=question, first=first, second=second)
    parts = [head(kind, config), f"# {name.rsplit('/', 1)[-1]}", what_it_is(kind, model), f"## Use\n\n```python\n{use}\n```"]
    parts += [f"## Training\n\n{table(('what', 'value'), recipe(config, run))}", again(config)] if config else []
    parts += [shown] if run and (shown := figures(run)) else []
    if evaluation:
        parts.append(evaluated(evaluation))
    parts.append(f"## Checked\n\nCompared with the model it was exported from by lit_embed: {checked}.")
    parts.append("## Licence\n\nLeft open: say it in the line `license:` at the head of this file. The licences of the base model "
                 "and of the training data bind whoever passes this model on.")
    return "\n\n".join(parts) + "\n"


def head(kind: str, config: dict) -> str:
    """The YAML that the Hub reads; base model and data only where they have names there."""
    library, task = KINDS[kind]
    known: dict[str, object] = {"library_name": library, "pipeline_tag": task}
    backbone, data = _backbone(config), config.get("data", {}).get("init_args", {}).get("path")
    known |= {"base_model": backbone} if _on_the_hub(backbone) else {}
    known |= {"datasets": [data]} if _on_the_hub(data) else {}
    known["tags"] = ["lit-embed", *dict.fromkeys([library, task])]
    return f"---\n{yaml.safe_dump(known, sort_keys=False)}# license: left for you to fill in\n---"


def what_it_is(kind: str, model: TextEncoder | TextPairScorer) -> str:
    prefixes = [f"`{_quoted(prefix)}` before each {role}" for role, prefix in
                (("question", model.query_prefix), ("passage", model.document_prefix)) if prefix]
    prefix = f", and wants {' and '.join(prefixes)}" if prefixes else ""
    if kind == "cross-encoder":
        labels = "a score" if model.num_labels == 1 else f"{model.num_labels} logits"
        return f"A cross-encoder: reads two texts together, {model.max_length} tokens at most, and gives {labels}{prefix}."
    unit = ", scaled to unit length" if model.normalization == "l2" else ""
    return (f"A text-embedding model: texts of up to {model.max_length} tokens become vectors of {model.width} numbers "
            f"({model.pooling} pooling{unit}); it compares by cosine{prefix}.")


def recipe(config: dict, run: Path) -> list[tuple]:
    """What the run was told, and of result.json how long it went."""
    model, data = (config.get(part, {}).get("init_args", {}) for part in ("model", "data"))
    result = result_of(run)
    rows = [("base model", _plain(_backbone(config))), ("loss", _called(model.get("loss")))]
    rows += [(name, value) for name, value in model.items() if isinstance(value, int | float | str)]
    named = (_class(config.get("data")), data.get("path"), data.get("name"))
    rows += [("data", " ".join(str(_plain(each)) for each in named if each))]
    rows += [(name, data.get(name)) for name in ("batch_size", "no_duplicates")]
    rows += [(name, config.get("trainer", {}).get(name)) for name in ("max_epochs", "precision")]
    rows += [("seed", config.get("seed_everything")), ("training pairs", result.get("train_pairs")),
             ("steps", result.get("steps")), ("seconds of training", result.get("train_seconds"))]
    return [row for row in rows if row[1] not in (None, "")]


def again(config: dict) -> str:
    """The experiment as a config: what says where this machine keeps its files is left out."""
    shown = {part: config[part] for part in ("seed_everything", "model", "data") if part in config}
    shown["trainer"] = {name: value for name, value in config.get("trainer", {}).items() if name in TRAINER}
    text = yaml.safe_dump(_plain(_without_none(shown)), sort_keys=False, allow_unicode=True)
    return ("## The experiment\n\nAs `config.yaml`, to run again with `lit-embed fit --config config.yaml`. Callbacks are left "
            f"out, and of folders all but the name.\n\n```yaml\n{text}```")


def _backbone(config: dict) -> str | None:
    encoder = config.get("model", {}).get("init_args", {}).get("encoder") or {}
    return encoder.get("init_args", {}).get("backbone")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _class(node: dict | None) -> str:
    return (node or {}).get("class_path", "").rsplit(".", 1)[-1]


def _called(node: dict | None) -> str:
    settings = ", ".join(f"{name} {value}" for name, value in (node or {}).get("init_args", {}).items() if value is not None)
    return _class(node) + (f" ({settings})" if settings else "")


def _on_the_hub(name: object) -> bool:
    return isinstance(name, str) and bool(ON_THE_HUB.fullmatch(name)) and not Path(name).exists()


def _plain(node: object) -> object:
    """The same tree without the folders of this machine."""
    if isinstance(node, dict):
        return {name: _plain(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    if not isinstance(node, str) or not node.startswith(("/", "~", ".")):
        return node
    return Path(node).parent.name if Path(node).name == "model" else Path(node).name


def _without_none(node: object) -> object:
    return {name: _without_none(value) for name, value in node.items() if value is not None} if isinstance(node, dict) else node
