"""`lit-embed export`: a run or a model folder for other libraries, compared with the original before it counts as done.

    lit-embed export quickstart --to sentence-transformers --out exported          model and model card (README.md)
    lit-embed export checkpoints/reranker --to sentence-transformers --out ranker  a cross-encoder, for CrossEncoder
    lit-embed export FOLDER --to onnx --out exported-onnx                          pooling and normalisation in the graph
    lit-embed export FOLDER --to onnx-int8 --out exported-int8                     8-bit weights, a quarter of the size
    lit-embed export lora_run --to merged --out merged                             LoRA adapters added to the weights
    lit-embed export quickstart --to hub --repo NAME/MODEL --private               the first of these, uploaded

Every command that takes a model reads the folders again (--model exported-onnx). Nothing is left at --out where the
exported model differs from the original: by more than 1e-5 in a coordinate of a unit vector, or, with 8 bits, by a cosine
below 0.9 on a text or 0.95 on average.
"""

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path

from lit_embed.commands.encode import read_texts
from lit_embed.commands.export_source import Source, find_source
from lit_embed.commands.hub import refuse_without_hub, upload
from lit_embed.errors import UserError, first_line
from lit_embed.files import write_beside
from lit_embed.models import TextEncoder, TextPairScorer, onnx_export
from lit_embed.models.onnx_encoder import OnnxEncoder
from lit_embed.run.arguments import one_line_parser
from lit_embed.run.export_check import check_pairs, check_texts, compare, compare_scores, sentence_transformers_reads
from lit_embed.run.messages import quiet
from lit_embed.run.model_card import model_card

FORMATS = ("sentence-transformers", "onnx", "onnx-int8", "merged", "hub")


def run(arguments: list[str]) -> None:
    """arguments: "export" and its options, as typed."""
    options = parser().parse_args(arguments[1:])
    refuse_contradictions(options)
    quiet()
    source = find_source(options.model, options.checkpoints)
    texts = None if options.texts is None else read_texts(options.texts, options.column, "--texts")
    options.evaluation = read_evaluation(options.evaluation)
    write = partial(write_scorer if source.scores else write_encoder, source=source, texts=texts, options=options)
    if options.to == "hub":
        with tempfile.TemporaryDirectory() as beside:
            checked = write(Path(beside, "model"), name=options.repo)
            print(f"checked, {checked}")
            print(upload(Path(beside, "model"), options.repo, options.private))
        return
    with write_beside(options.out) as beside:
        checked = write(beside, name=Path(options.out).name)
    size = sum(file.stat().st_size for file in Path(options.out).rglob("*") if file.is_file())
    print(f"{options.out}: {options.to}, {size / 1e6:,.1f} MB\nchecked, {checked}")


def parser() -> argparse.ArgumentParser:
    made = one_line_parser("export", __doc__)
    made.add_argument("model", metavar="RUN_OR_FOLDER", help="name of a run, its folder, or the folder of a model")
    made.add_argument("--to", required=True, choices=FORMATS)
    made.add_argument("--out", help="folder that is written; one that is there is not touched")
    made.add_argument("--texts", metavar="FILE", help="texts to compare on: one a line, or csv, tsv, json, jsonl, parquet "
                      "(default: validation rows of the run, else some sentences)")
    made.add_argument("--column", help="column of the texts, for files that have columns")
    made.add_argument("--evaluation", metavar="FILE", help="what lit-embed evaluate --json wrote, for the model card")
    made.add_argument("--repo", metavar="NAME/MODEL", help="hub: where to; the token is that of `hf auth login` or HF_TOKEN")
    made.add_argument("--private", action="store_true", help="hub: a repository that only you see")
    made.add_argument("--checkpoints", default="checkpoints", help="folder that holds the run folders")
    return made


def refuse_contradictions(options: argparse.Namespace) -> None:
    """What would be found out only after the work."""
    if (options.out is None) != (options.to == "hub"):
        raise UserError("--out: the Hub is written to as --repo NAME/MODEL" if options.out else
                        "--out is missing: the folder to write")
    if options.to != "hub" and (options.repo or options.private):
        raise UserError(f"--{'repo' if options.repo else 'private'} belongs to --to hub")
    if options.to == "hub":
        refuse_without_hub(options.repo)
    elif Path(options.out).exists() and (not Path(options.out).is_dir() or any(Path(options.out).iterdir())):
        raise UserError(f"--out {options.out} is there already: choose another name, nothing is overwritten")
    if options.column and options.texts is None:
        raise UserError("--column belongs to --texts FILE, which is missing")


def write_encoder(beside: Path, name: str, source: Source, texts: list[str] | None, options: argparse.Namespace) -> str:
    """The folder of a text encoder; what comparing it gave."""
    original = encoder = TextEncoder.from_folder(source.model)
    int8, onnx = options.to == "onnx-int8", options.to.startswith("onnx")
    adapted = any("lora_" in weight for weight, _ in encoder.named_parameters())
    if options.to == "merged" and not adapted:
        raise UserError(f"{source.model} has no LoRA adapters to merge: --to sentence-transformers writes it as it is")
    if adapted and options.to != "sentence-transformers":
        from lit_embed.models.lora import merged

        encoder = merged(encoder)
    if onnx:
        onnx_export.save(encoder, beside, int8)
    else:
        encoder.save_folder(beside)
    encode = OnnxEncoder(beside).encode if onnx else sentence_transformers_reads(beside)
    agreement = compare(original, encode, *check_texts(source.run, texts))
    agreement.refuse(int8)
    kind = "onnx" if onnx else "sentence-transformers"
    file = onnx_export.INT8 if int8 else onnx_export.FLOAT
    write_card(beside, model_card(name, kind, encoder, source.run, str(agreement), file, options.evaluation))
    return str(agreement)


def write_scorer(beside: Path, name: str, source: Source, texts: list[str] | None, options: argparse.Namespace) -> str:
    """The folder of a cross-encoder; what comparing it gave."""
    if options.to not in ("sentence-transformers", "hub"):
        raise UserError(f"{source.model} is a cross-encoder, which goes to sentence-transformers or hub, not to {options.to}")
    scorer = TextPairScorer.from_folder(source.model)
    scorer.save_folder(beside)
    agreement = compare_scores(scorer, beside, *check_pairs(source.run, texts))
    write_card(beside, model_card(name, "cross-encoder", scorer, source.run, agreement, "", options.evaluation))
    return agreement


def read_evaluation(file: str | None) -> dict | None:
    if file is None:
        return None
    try:
        found = json.loads(Path(file).read_text(encoding="utf8"))
    except (OSError, ValueError) as error:
        raise UserError(f"--evaluation {file}: {first_line(error)}") from error
    if not isinstance(found, dict) or not {"systems", "questions", "passages", "data"} <= found.keys():
        raise UserError(f"--evaluation {file} is not what lit-embed evaluate --json writes: it has no systems")
    return found


def write_card(folder: Path, card: str) -> None:
    (folder / "README.md").write_text(card, encoding="utf8")
