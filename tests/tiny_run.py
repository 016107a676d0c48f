"""A whole experiment of a second: forty pairs in a csv file, a tiny BERT, four steps."""

from pathlib import Path

import yaml
from toys import toy_texts


def write_pairs(file: Path, rows: int = 40) -> Path:
    texts = toy_texts(2 * rows)
    lines = [f"{question},{answer}" for question, answer in zip(texts[:rows], texts[rows:])]
    file.write_text("\n".join(["Q,answer", *lines]) + "\n", encoding="utf8")
    return file


def config(backbone: str, pairs: Path) -> dict:
    encoder = {"class_path": "lit_embed.models.TextEncoder", "init_args": {"backbone": backbone, "max_length": 32}}
    return {
        "model": {"class_path": "lit_embed.modules.BiEncoder",
                  "init_args": {"encoder": encoder, "loss": {"class_path": "lit_embed.losses.InfoNCE"}}},
        "data": {"class_path": "lit_embed.data.Pairs",
                 "init_args": {"path": str(pairs), "query": "Q", "document": "answer", "validation": 0.2, "batch_size": 8}},
        "trainer": {"max_steps": 4, "accelerator": "cpu", "log_every_n_steps": 1,
                    "callbacks": [{"class_path": "lit_embed.callbacks.HitRate"}]},
    }


def write_config(file: Path, content: dict) -> Path:
    file.write_text(yaml.safe_dump(content), encoding="utf8")
    return file


def cross_encoder_config(backbone: str, pairs: Path) -> dict:
    """The same experiment with a cross-encoder: each question with its answer and one that is not."""
    content = config(backbone, pairs)
    encoder = {"class_path": "lit_embed.models.TextPairScorer", "init_args": {"backbone": backbone, "max_length": 32}}
    content["model"] = {"class_path": "lit_embed.modules.CrossEncoder", "init_args": {"encoder": encoder}}
    content["data"]["init_args"]["random_negatives"] = 1
    content["trainer"]["callbacks"] = [{"class_path": "lit_embed.callbacks.PairScores"},
                                       {"class_path": "lit_embed.callbacks.Rerank", "init_args": {"candidates": 3}}]
    return content
