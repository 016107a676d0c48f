"""`lit-embed mine`: adds hard negatives to pairs: passages that look like an answer, and are none that anybody knows.

    lit-embed mine --data pairs.csv --query question --document answer --by bm25 --output mined.parquet
    lit-embed mine --data FOLDER --by model --model <run>/model --relative-margin 0.05 --output mined.parquet
    lit-embed mine --data FOLDER --by bm25 --judge CROSS_ENCODER --ranks 1 30 --max-score 0.5 --output mined.parquet
    lit-embed mine --data FOLDER --by bm25 --teacher-scores CROSS_ENCODER --output taught.parquet

The parquet has columns query, document, negatives, positive_score and negative_scores; train on it with
--data.path mined.parquet --data.query query --data.document document --data.negatives negatives. With --teacher-scores it
also has a column of that name, to distil from: --data.teacher_scores teacher_scores.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from lit_embed.batches import text_ids
from lit_embed.commands.encode import read_texts
from lit_embed.commands.mining_report import MinedPairs, report, show, write_pairs, write_report
from lit_embed.commands.open_model import add_precision, open_encoder
from lit_embed.commands.teacher import open_judge, open_one_score, teacher_scores
from lit_embed.data.read_file import READERS
from lit_embed.data.read_pairs import read_pairs
from lit_embed.errors import UserError
from lit_embed.run.arguments import one_line_parser
from lit_embed.run.messages import quiet
from lit_embed.search import Bm25, Index, distinct
from lit_embed.search.candidates import AtRandom, ByVectors, ByWords
from lit_embed.search.fill_up import fill_up
from lit_embed.search.mining import MiningTask, Source, mine, mining_task
from lit_embed.search.negatives import Rules

OPTIONS = {"--margin": "its score is at most the positive's minus this",
           "--relative-margin": "its score is at most the positive's minus this share of it (0.05: 5 %% below)",
           "--max-score": "its score is at most this", "--min-score": "its score is at least this"}


def run(arguments: list[str]) -> None:
    """arguments: "mine" and its options, as typed."""
    options = parser().parse_args(arguments[1:])
    rules = rules_of(options)
    refuse_contradictions(options, rules)
    quiet()
    pairs, passages = read_pairs(options.data, options.split, options.query, options.document, options.name,
                                 options.on_bad_row)
    passages, _ = distinct([*passages, *more_passages(options)])
    asked = text_ids(pairs.queries)
    task = mining_task(asked, text_ids(pairs.documents[0]), text_ids(passages))
    questions = [pairs.queries[row] for row in np.unique(asked, return_index=True)[1]]       # as the task numbers them
    judge = open_judge(options.judge, options.precision, questions, passages) if options.judge else None
    teacher = options.teacher_scores and open_one_score("--teacher-scores", options.teacher_scores, options.precision)
    source = open_source(options, task, questions, passages)
    with Progress(*Progress.get_default_columns()[:2], MofNCompleteColumn(), "pairs", TimeRemainingColumn(),
                  console=Console(stderr=True)) as bar:
        done = bar.add_task("mining", total=len(task))
        mined = mine(task, source, rules, judge, done=lambda count: bar.advance(done, count))
    short = len(mined.short)
    if options.fill:
        mined = fill_up(task, mined, rules, judge or source.score)
    if len(mined.short) == len(task):
        raise UserError(f"none of the {len(task)} pairs got {rules.count} negatives: of {mined.counts['candidates']} "
                        f"candidates {mined.counts['left']} passed all rules; ask for fewer, loosen the rules, or take "
                        "--fill random")
    rows = np.setdiff1d(np.arange(len(task)), mined.short)
    taught = teacher_scores(teacher, pairs, passages, mined, rows) if teacher else None
    found = MinedPairs(pairs, passages, mined, rows, taught)
    write_pairs(Path(options.output), found)
    said = report(found, rules, vars(options), len(questions), short)
    if options.report:
        write_report(Path(options.report), said)
    show(said)


def parser() -> argparse.ArgumentParser:
    made = one_line_parser("mine", __doc__)
    made.add_argument("--data", required=True, help="pairs: a file, a folder, a Hub data set; or a folder with corpus, "
                      "queries and qrels")
    made.add_argument("--name", help="configuration of the data set")
    made.add_argument("--split", default="train", help="which of its splits (default train)")
    made.add_argument("--query", help="column of the queries (default: question or query)")
    made.add_argument("--document", help="column of the documents that answer them (default: context or document)")
    made.add_argument("--corpus", help="more passages to mine from: a text a line, or a file with a column --document")
    made.add_argument("--on-bad-row", choices=["error", "skip"], default="error", help="for a row with an empty text")
    made.add_argument("--by", required=True, choices=["random", "bm25", "model"], help="who looks for candidates")
    made.add_argument("--model", help="of --by model: <run>/model, or a folder of sentence-transformers")
    made.add_argument("--judge", metavar="CROSS_ENCODER", help="folder of a cross-encoder whose scores count for every "
                      "rule below, instead of those of the search")
    made.add_argument("--teacher-scores", metavar="CROSS_ENCODER", help="folder of a cross-encoder that scores each pair and "
                      "the negatives taken for it, for distillation")
    made.add_argument("--negatives", type=int, default=3, help="how many a pair gets (default 3)")
    made.add_argument("--ranks", type=int, nargs=2, metavar=("FIRST", "LAST"), help="ranks of the candidates, from 1, "
                      "known positives not counted (default 1 100; 1 30 with a judge)")
    for option, meaning in OPTIONS.items():
        made.add_argument(option, type=float, help=f"a negative is only what holds: {meaning}")
    made.add_argument("--sample", choices=["top", "random"], default="top", help="those with the highest scores "
                      "(default), or any that the rules allow")
    made.add_argument("--fill", choices=["random"], help="give pairs with too few negatives others at random; without "
                      "this, such pairs are left out")
    made.add_argument("--seed", type=int, default=42, help="of everything random (default 42)")
    made.add_argument("--output", required=True, metavar="MINED.parquet", help="where the pairs and their negatives go")
    made.add_argument("--report", metavar="REPORT.json", help="counts and examples as a file, too")
    add_precision(made)
    return made


def rules_of(options: argparse.Namespace) -> Rules:
    # Chance needs no more candidates than are taken; a judge reads every candidate, which takes its time.
    usual = 30 if options.judge else options.negatives if options.by == "random" else 100
    ranks = tuple(options.ranks or (1, max(usual, options.negatives)))
    return Rules(options.negatives, options.sample, options.seed, ranks, options.margin, options.relative_margin,
                 options.max_score, options.min_score)


def refuse_contradictions(options: argparse.Namespace, rules: Rules) -> None:
    if (options.by == "model") != (options.model is not None):
        raise UserError("--by model takes candidates from the model of --model FOLDER: give both, or neither")
    if options.by == "random" and rules.by_score and not options.judge:
        raise UserError("--by random gives no scores, so no margin and no highest or lowest score can be kept: add "
                        "--judge, or take --by bm25 or model")
    for option, end in (("output", ".parquet"), ("report", ".json")):
        if (name := getattr(options, option)) and not name.endswith(end):
            raise UserError(f"--{option} {name}: the name must end in {end}")


def more_passages(options: argparse.Namespace) -> list[str]:
    if not options.corpus:
        return []
    has_columns = Path(options.corpus).suffix.lower() in READERS
    texts = read_texts(options.corpus, (options.document or "text") if has_columns else None)
    return [text for text in texts if text and not text.isspace()]


def open_source(options: argparse.Namespace, task: MiningTask, questions: list[str], passages: list[str]) -> Source:
    if options.by == "random":
        return AtRandom(task.identities, len(passages), options.seed)
    if options.by == "bm25":
        return ByWords(questions, Bm25.build(passages))
    encoder = open_encoder(options.model, precision=options.precision)
    vectors = encoder.encode(passages, "document", progress=True)                                        # (M, D)
    asked = encoder.encode(questions, "query", progress=True)                                            # (Q, D)
    index = Index.build(vectors, passages, kind="flat")
    return ByVectors(torch.from_numpy(asked), torch.from_numpy(vectors), index.search)
