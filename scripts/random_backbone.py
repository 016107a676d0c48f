"""A backbone's shape and tokenizer with random weights: where a training loss starts from nothing, its worth shows plainly.

    python scripts/random_backbone.py BACKBONE FOLDER [--seed 42]
"""

import argparse

import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer

from lit_embed.files import write_beside
from lit_embed.models.resolve import resolve


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backbone"), parser.add_argument("folder"), parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args()
    source = resolve(options.backbone)
    torch.manual_seed(options.seed)
    with write_beside(options.folder) as beside:
        AutoModel.from_config(AutoConfig.from_pretrained(source)).save_pretrained(beside)
        AutoTokenizer.from_pretrained(source).save_pretrained(beside)
    print(f"{options.folder}: the shape of {options.backbone}, random weights of seed {options.seed}")


if __name__ == "__main__":
    main()
