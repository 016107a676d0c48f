"""A few rows in the layout of the data sets that three tasks of MTEB read."""

import json
from pathlib import Path

import numpy as np
from toys import toy_texts

LABELS = 3


def write(file: Path, rows: list[dict]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf8")


def configs(folder: Path, **files: dict[str, str]) -> None:
    """The README that says which files are which configuration and split."""
    lines = ["---", "configs:"]
    for name, splits in files.items():
        lines += [f"- config_name: {name}", "  data_files:"]
        lines += [line for split, file in splits.items() for line in (f"  - split: {split}", f"    path: {file}")]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "README.md").write_text("\n".join([*lines, "---", ""]), encoding="utf8")


def banking(folder: Path) -> None:
    texts = toy_texts(60)
    for split, part in (("train", texts[:42]), ("test", texts[42:])):
        write(folder / f"{split}.jsonl", [{"text": text, "label": i % LABELS, "label_text": f"label {i % LABELS}"}
                                          for i, text in enumerate(part)])


def glue(folder: Path) -> None:
    first, second = toy_texts(20, seed=1), toy_texts(20, seed=2)
    scores = np.linspace(0, 5, 20).round(2).tolist()
    for split in ("train", "validation"):
        write(folder / f"stsb/{split}.jsonl", [{"sentence1": a, "sentence2": b, "label": score, "idx": i}
                                               for i, (a, b, score) in enumerate(zip(first, second, scores))])
    configs(folder, stsb={"train": "stsb/train.jsonl", "validation": "stsb/validation.jsonl"})


def scifact(folder: Path) -> None:
    texts = toy_texts(30, seed=3)
    write(folder / "corpus.jsonl", [{"_id": f"d{i}", "title": "", "text": text} for i, text in enumerate(texts)])
    write(folder / "queries.jsonl", [{"_id": f"q{i}", "text": texts[i]} for i in range(10)])
    write(folder / "qrels.jsonl", [{"query-id": f"q{i}", "corpus-id": f"d{i}", "score": 1} for i in range(6)])
    configs(folder, corpus={"corpus": "corpus.jsonl"}, queries={"queries": "queries.jsonl"}, default={"test": "qrels.jsonl"})


def toy_mteb(folder: Path) -> str:
    """data/banking77, data/glue and data/scifact below `folder`."""
    banking(folder / "data/banking77")
    glue(folder / "data/glue")
    scifact(folder / "data/scifact")
    return str(folder / "data")
