"""From a YAML with LoRA to a folder that every command opens, and back into a run; mistakes in it are one line."""

import json

import pytest
import torch
from tiny_run import config, write_config, write_pairs

from lit_embed import cli
from lit_embed.commands.open_model import open_encoder


@pytest.fixture
def fit(tmp_path, backbone_folder, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(backbone: str | None = None, lora: dict | None = None, *options: str) -> int:
        content = config(backbone or backbone_folder("smollm"), write_pairs(tmp_path / "pairs.csv"))
        content["model"]["init_args"]["encoder"]["init_args"] |= {
            "pooling": "last", "query_prefix": "Instruct: find it\nQuery: ", "recompute": "layers",
            "lora": lora}
        return cli.main(["fit", "--config", str(write_config(tmp_path / "tiny.yaml", content)), *options])

    return run


def test_train_go_on_compare_and_train_on(fit, backbone_folder, capsys):
    lora = {"r": 4, "target_modules": ["q_proj", "v_proj"]}
    assert fit(None, lora) == 0 and fit(None, lora, "--ckpt_path", "last", "--trainer.max_steps", "6") == 0
    first = open_encoder("checkpoints/tiny/model")
    assert first.lora.r == 4 and first.query_prefix == "Instruct: find it\nQuery: " and first.tokenizer.tokenize([""])[0][-1] == 3
    assert fit("checkpoints/tiny/model", None, "--run", "later", "--trainer.max_steps", "2") == 0
    assert open_encoder("checkpoints/later/model").lora.r == 4
    capsys.readouterr()
    with open("labelled.csv", "w") as file:
        file.write("a,b,related\nthe cat,a cat,1\nthe cat,red house,0\n")
    assert cli.main(["similarity", "--model", "checkpoints/later/model", "--base", backbone_folder("smollm"), "--pairs", "labelled.csv",
                     "--first", "a", "--second", "b", "--label", "related", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["gap"] != found["base"]["gap"] and found["pairs"] == 2


@pytest.mark.parametrize("lora, says", [({"rank": 4}, "unknown key 'rank': Lora has r, alpha, dropout, target_modules, quantize"),
                                        ({"target_modules": ["query"]}, "has no linear layer 'query'; there are down_proj"),
                                        ({"quantize": "4bit"}, "lora.quantize 4bit needs"), ({"r": "many"}, "lora")])
def test_a_mistake_is_one_line(fit, capsys, monkeypatch, lora, says):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert fit(None, lora) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("lit-embed: error: ") and says in said
