"""The work around retrieval in lit_embed and in sentence-transformers: seconds of both, in turn, and their agreement.

    pip install "sentence-transformers>=6.2"
    python scripts/benchmark_retrieval.py --data FOLDER --model FOLDER --cross-encoder FOLDER --json OUT.json
    python scripts/benchmark_retrieval.py --data FOLDER --model FOLDER --parts encode --limit 100 --repeats 1

One process, one corpus, the same cores and the same model on both sides; one side after the other, the order turned
round with every repeat, medians of the seconds. Loading is not counted, tokenising is. A ratio above 1: lit_embed is
the faster.

parts   encode     the passages: TextEncoder.encode against SentenceTransformer.encode, in float32; in bfloat16
                   with the peer's weights converted; and with the peer under autocast, as lit_embed runs bfloat16
        mine       hard negatives for every question: lit_embed's mining against util.mine_hard_negatives, with and
                   without the seconds of encoding
        evaluate   the questions, encoding included: lit_embed's evaluation against InformationRetrievalEvaluator
        rerank     30 candidates (BM25's best) of 100 questions: TextPairScorer.score against CrossEncoder.predict

FOLDER of the data: corpus, queries and qrels as in BEIR, or questions and passages as in KLUE-MRC (--name, --split,
--query, --document choose among them).
"""

import argparse
import json
from pathlib import Path

import torch
import transformers
from retrieval_parts import PARTS
from side_by_side import SIDES, TIMES, machine

from lit_embed.data.read_retrieval_set import read_retrieval_set
from lit_embed.run.messages import quiet
from lit_embed.search import RetrievalSet

PRECISIONS = ["float32", "bfloat16", "autocast"]


def read(options: argparse.Namespace) -> RetrievalSet:
    """All of the data, or its first questions with their passages and others, `limit` of each."""
    data = read_retrieval_set(options.data, options.split, options.query, options.document, options.questions,
                              name=options.name)
    if options.limit is None:
        return data
    relevant = data.relevant[: options.limit]
    kept = list(dict.fromkeys([place for own in relevant for place in own] + list(range(len(data.passages)))))
    kept = kept[: max(options.limit, len({place for own in relevant for place in own}))]
    new = {place: i for i, place in enumerate(kept)}
    return RetrievalSet(data.question_ids[: options.limit], data.questions[: options.limit],
                        [data.passage_ids[place] for place in kept], [data.passages[place] for place in kept],
                        [{new[place]: grade for place, grade in own.items()} for own in relevant])


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--data", required=True), made.add_argument("--model", required=True)
    made.add_argument("--cross-encoder"), made.add_argument("--json", type=Path)
    made.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    for choice in ("--name", "--split", "--query", "--document"):
        made.add_argument(choice)
    made.add_argument("--questions", type=int, help="so many of the questions, drawn by chance")
    made.add_argument("--limit", type=int, help="for a quick look: so many questions and passages")
    made.add_argument("--repeats", type=int, default=5)
    made.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS)
    made.add_argument("--batch", type=int, default=32, help="sentence-transformers' batch_size")
    made.add_argument("--max-length", type=int, help="tokens of a text (default: what the folder says)")
    made.add_argument("--pair-length", type=int, default=256, help="tokens of a question with its passage")
    made.add_argument("--reranked", type=int, default=100, help="questions that are re-ranked")
    made.add_argument("--candidates", type=int, default=30)
    made.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return made


def main() -> None:
    options = parser().parse_args()
    if "rerank" in options.parts and options.cross_encoder is None:             # before an hour of the other parts
        raise SystemExit("rerank needs --cross-encoder FOLDER, a model with one label; or leave it out of --parts")
    quiet()
    transformers.utils.logging.set_verbosity_error()            # the peer's page about a pooler that it does not use
    data = read(options)
    print(f"{len(data)} questions, {len(data.passages)} passages, {options.repeats} repeats on {options.device}")
    asked = {name: str(value) if isinstance(value, Path) else value for name, value in vars(options).items()}
    result = {"options": asked, "questions": len(data), "passages": len(data.passages),
              "machine": machine(options.device), "parts": {}}
    for part in options.parts:
        for name, timed in PARTS[part](data, options).items():
            result["parts"][name] = timed
            show(name, timed)
        if options.json:                            # after each part: what was measured is kept
            options.json.write_text(json.dumps(result, indent=2) + "\n")


def show(name: str, timed: dict) -> None:
    ours, theirs = (timed["median"][side] for side in SIDES)
    print(f"{name:22} lit_embed {ours:8.2f} s   sentence-transformers {theirs:8.2f} s   ratio {timed['ratio']:.2f} "
          f"({timed['ratio_lowest']:.2f} to {timed['ratio_highest']:.2f}), processor {timed['processor_ratio']:.2f}")
    agreement = [(key, value) for key, value in timed.items() if key not in TIMES]
    print(" " * 22, ", ".join(f"{key} {value:.6g}" if isinstance(value, float) else f"{key} {value}"
                              for key, value in agreement), flush=True)


if __name__ == "__main__":
    main()
