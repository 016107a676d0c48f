"""What can be asked of `lit-embed evaluate`, and what contradicts itself."""

import argparse
from pathlib import Path

from lit_embed.commands.evaluation_plot import FORMATS
from lit_embed.commands.open_model import add_precision
from lit_embed.errors import UserError
from lit_embed.run.arguments import one_line_parser
from lit_embed.run.retrieval_systems import RERANK

STAGES = ("bm25", "base", "dense", "hybrid")
KS = (1, 5, 10)


def parser(docstring: str) -> argparse.ArgumentParser:
    made = one_line_parser("evaluate", docstring)
    made.add_argument("--model", required=True, help="folder of a model: <run>/model, or one of sentence-transformers")
    made.add_argument("--base", help="a second model to compare with: what training started from, or openai:MODEL[@URL]")
    made.add_argument("--cross-encoder", help="folder of a cross-encoder that re-ranks what was found")
    add_data_options(made)
    made.add_argument("--systems", nargs="+", help="which of them (default: bm25, base, dense, hybrid, dense+rerank)")
    made.add_argument("--k", nargs="+", type=int, help="depths of HitRate and its kin (default 1 5 10)")
    made.add_argument("--retrieve", type=int, default=30, help="candidates that the cross-encoder reads (default 30)")
    made.add_argument("--keep", type=int, default=10, help="how many of them it keeps (default 10)")
    made.add_argument("--similarity", choices=["cosine", "dot", "l2"], default="cosine",
                      help="of embeddings (default cosine)")
    made.add_argument("--max-length", type=int, help="tokens of a text for model and base (default: their folders say)")
    made.add_argument("--bootstrap", type=int, default=1000, help="resamples for the intervals (default 1000)")
    made.add_argument("--json", metavar="OUT", help="all figures, intervals and times into a file")
    made.add_argument("--plot", metavar="OUT.png", help=f"HitRate, MRR and nDCG as bars ({', '.join(FORMATS)})")
    add_precision(made)
    return made


def add_data_options(made: argparse.ArgumentParser) -> None:
    made.add_argument("--data", required=True, help="folder, file or Hub data set")
    made.add_argument("--name", help="configuration of a data set, as in datasets.load_dataset")
    made.add_argument("--split", help="whose questions (default: qrels of test; of pairs validation, or what there is)")
    made.add_argument("--query", help="column of the questions (default: question)")
    made.add_argument("--document", help="column of the passages (default: context)")
    made.add_argument("--corpus", nargs="+", metavar="SPLIT",
                      help="of pairs: splits whose passages are searched (default: all); asked: those of the questions")
    made.add_argument("--questions", type=int, help="draw so many by chance")
    made.add_argument("--seed", type=int, default=42, help="of the draw and of the resamples (default 42)")
    made.add_argument("--on-bad-row", choices=["error", "skip"], default="error",
                      help="empty texts, unknown ids: stop (default), or leave them out")


def refuse_mistakes(options: argparse.Namespace) -> None:
    """What would be found out only after an hour of encoding."""
    for name, value in [("--k", min(options.k or KS)), ("--keep", options.keep), ("--bootstrap", options.bootstrap)]:
        if value < 1:
            raise UserError(f"{name} {value}: one at least")
    if options.retrieve < options.keep:
        raise UserError(f"--retrieve {options.retrieve} is fewer than the {options.keep} results to --keep")
    if options.plot and Path(options.plot).suffix not in FORMATS:
        raise UserError(f"--plot {options.plot}: the name must end in {' or '.join(FORMATS)}")
    for name in ("json", "plot"):
        out = getattr(options, name)
        if out and Path(out).is_dir():
            raise UserError(f"--{name} {out} is a folder; name a file")


def chosen_systems(options: argparse.Namespace) -> list[str]:
    """The systems to compare, BM25 first."""
    stages = [name for name in STAGES if name != "base" or options.base]
    systems = options.systems or [*stages, *(["dense" + RERANK] if options.cross_encoder else [])]
    for name in systems:
        if name.removesuffix(RERANK) not in STAGES:
            raise UserError(f"--systems {name}: there are {', '.join(STAGES)}, each also with {RERANK} behind it")
        if name.removesuffix(RERANK) == "base" and not options.base:
            raise UserError(f"--systems {name} needs --base FOLDER")
        if name.endswith(RERANK) and not options.cross_encoder:
            raise UserError(f"--systems {name} needs --cross-encoder FOLDER")
    return list(dict.fromkeys(["bm25", *systems]))


def needs(system: str, encoder: str) -> bool:
    return encoder == {"hybrid": "dense"}.get(system.removesuffix(RERANK), system.removesuffix(RERANK))
