"""A model card says what the run knows, in a form the Hub reads, and neither folders of this machine nor anything made up."""

import pytest
import yaml
from tiny_run import config

from lit_embed.models import TextEncoder, TextPairScorer
from lit_embed.run.model_card import again, model_card, recipe


@pytest.fixture
def trained(tmp_path, toy_backbone):
    """The folder of a run, and its model."""
    content = config(toy_backbone, tmp_path / "secret/pairs.csv") | {"seed_everything": 7}
    content["model"]["init_args"] |= {"learning_rate": 2e-5}
    content["trainer"] |= {"default_root_dir": str(tmp_path), "max_epochs": 3}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(content))
    (tmp_path / "result.json").write_text('{"before": {"mrr@10": 0.25}, "after": {"mrr@10": 0.5}, "train_pairs": 32, "steps": 4}')
    return tmp_path, TextEncoder(toy_backbone, max_length=32, normalization="l2", query_prefix='say "it": ')


def head_of(card):
    return yaml.safe_load(card.split("---")[1])


def test_the_card_of_a_run_says_what_the_run_knows(trained):
    folder, encoder = trained
    card = model_card("out", "sentence-transformers", encoder, folder, "5 texts: all equal")
    for said in ("# out", "| loss | InfoNCE |", "| learning_rate | 2e-05 |", "| data | Pairs pairs.csv |", "| batch_size | 8 |", "| seed | 7 |",
                 "| training pairs | 32 |", "| mrr@10 | 0.2500 | 0.5000 |", "texts of up to 32 tokens become vectors of 32 numbers",
                 "scaled to unit length", '`"say \\"it\\": "` before each question', "5 texts: all equal.", "lit-embed fit --config"):
        assert said in card, said
    assert str(folder) not in card and "secret" not in card and "HitRate" not in card
    assert head_of(card) == {"library_name": "sentence-transformers", "pipeline_tag": "sentence-similarity",
                             "tags": ["lit-embed", "sentence-transformers", "sentence-similarity"]}


def test_a_model_without_a_run_has_no_training_to_tell_of(trained):
    card = model_card("out", "onnx", trained[1], None, "x", "model_int8.onnx")
    assert "## Training" not in card and "## Figures" not in card and "onnx/model_int8.onnx" in card
    assert head_of(card)["library_name"] == "onnx"


def test_names_on_the_hub_are_named_in_the_head(trained):
    folder, encoder = trained
    content = yaml.safe_load((folder / "config.yaml").read_text())
    content["model"]["init_args"]["encoder"]["init_args"]["backbone"] = "some-one/a.model"
    content["data"]["init_args"]["path"] = "some-one/data"
    (folder / "config.yaml").write_text(yaml.safe_dump(content))
    head = head_of(model_card("out", "sentence-transformers", encoder, folder, "x"))
    assert (head["base_model"], head["datasets"]) == ("some-one/a.model", ["some-one/data"])


def test_code_in_a_card_runs_whatever_the_prefixes(toy_backbone):
    scorer = TextPairScorer(toy_backbone, max_length=32, query_prefix='a "word"\n', document_prefix="")
    card = model_card("out", "cross-encoder", scorer, None, "x")
    compile(card.split("```python\n")[1].split("```")[0], "card", "exec")
    assert "reads two texts together, 32 tokens at most, and gives a score" in card
    assert head_of(card)["pipeline_tag"] == "text-ranking"


def test_the_experiment_can_be_read_again(trained):
    folder, _ = trained
    content = yaml.safe_load((folder / "config.yaml").read_text())
    shown = yaml.safe_load(again(content).split("```yaml\n")[1].split("```")[0])
    assert shown["seed_everything"] == 7 and shown["data"]["init_args"]["path"] == "pairs.csv"
    assert shown["trainer"] == {"max_steps": 4, "max_epochs": 3}
    assert dict(recipe({}, folder)) == {"training pairs": 32, "steps": 4}


def test_a_model_of_a_run_is_called_by_its_run():
    content = {"model": {"init_args": {"encoder": {"init_args": {"backbone": "/home/runs/first/model"}}}}}
    assert "backbone: first" in again(content)
