"""Tiny models with random weights and a word-piece tokenizer, and processes to run them in."""

import multiprocessing
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.multiprocessing as mp
import transformers
from PIL import Image
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from lit_embed.distributed import group_on_this_machine

WORDS = ("the a cat dog sat on mat ran fast slow blue red green house tree bird sings loud quiet night day sun moon "
         "river walks home child plays ball old new small large man woman reads book writes letter opens door").split()
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = [c for c in "abcdefghijklmnopqrstuvwxyz0123456789.,:!?"]
VOCABULARY = {piece: i for i, piece in enumerate(SPECIAL + WORDS + LETTERS + ["##" + c for c in LETTERS])}

SIZE = {"vocab_size": len(VOCABULARY), "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
        "intermediate_size": 64, "max_position_embeddings": 140, "pad_token_id": 0}
IMPORTED = ["torch", "transformers", "pytorch_lightning", "lit_embed.callbacks", "lit_embed.data", "lit_embed.losses",
            "lit_embed.models", "lit_embed.modules", "lit_embed.run.start"]
ARCHITECTURES: dict[str, tuple[str, dict]] = {
    "bert": ("Bert", SIZE),
    "roberta": ("Roberta", SIZE),
    "xlm_roberta": ("XLMRoberta", SIZE),
    "mpnet": ("MPNet", SIZE),
    "distilbert": ("DistilBert", {"vocab_size": len(VOCABULARY), "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64,
                                  "max_position_embeddings": 140, "pad_token_id": 0}),
    "modernbert": ("ModernBert", SIZE | {"local_attention": 8, "cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2,
                                         "eos_token_id": 3}),
    "deberta": ("DebertaV2", SIZE | {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]}),
    "llama": ("Llama", SIZE | {"num_key_value_heads": 2, "bos_token_id": 2, "eos_token_id": 3}),
    # With the tokenizer of a decoder: no token before or behind a text.
    "smollm": ("Llama", SIZE | {"num_key_value_heads": 2, "bos_token_id": 2, "eos_token_id": 3}),
    "mistral": ("Mistral", SIZE | {"num_key_value_heads": 2, "bos_token_id": 2, "eos_token_id": 3, "sliding_window": 6}),
    "gemma2": ("Gemma2", SIZE | {"num_key_value_heads": 2, "head_dim": 8, "bos_token_id": 2, "eos_token_id": 3,
                                 "sliding_window": 6}),
    "qwen3": ("Qwen3", SIZE | {"num_key_value_heads": 2, "head_dim": 8, "eos_token_id": 3}),
}
DECODERS = ("smollm", "mistral", "gemma2", "qwen3")


def toy_tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.WordPiece(VOCABULARY, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
                                                             special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
                                   sep_token="[SEP]", mask_token="[MASK]", model_max_length=128,
                                   model_input_names=["input_ids", "token_type_ids", "attention_mask"])


def decoder_tokenizer() -> PreTrainedTokenizerFast:
    """The same words; texts begin with the BOS token and end as they end."""
    tokenizer = toy_tokenizer().backend_tokenizer
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A", pair="[CLS] $A $B", special_tokens=[("[CLS]", 2)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", bos_token="[CLS]", eos_token="[SEP]",
                                   padding_side="left", model_max_length=128)


def make_backbone(architecture: str, folder: Path) -> str:
    """A folder with config, random weights in safetensors and tokenizer, as the Hub would give."""
    name, settings = ARCHITECTURES[architecture]
    torch.manual_seed(0)
    model = getattr(transformers, f"{name}Model")(getattr(transformers, f"{name}Config")(**settings))
    for parameter in model.parameters():         # wide enough that a wrong position or mask shows
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.15)
    transformers.utils.logging.disable_progress_bar()
    model.save_pretrained(folder)
    (decoder_tokenizer() if architecture in DECODERS else toy_tokenizer()).save_pretrained(folder)
    return str(folder)


def make_pair(kind: str, folder: Path) -> str:
    """The folder of a tiny clip or siglip with random weights, tokenizer and image processor, as the Hub would give."""
    text = {"vocab_size": len(VOCABULARY), "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
            "intermediate_size": 64, "max_position_embeddings": 64, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
    vision = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "image_size": 16,
              "patch_size": 8}
    name, settings = {"clip": ("CLIP", {"projection_dim": 24}), "siglip": ("Siglip", {})}[kind]
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(text_config=text, vision_config=vision, **settings)
    model = getattr(transformers, f"{name}Model")(config)
    for parameter in model.parameters():         # wide enough that a wrong position or mask shows
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.15)
    transformers.utils.logging.disable_progress_bar()
    model.save_pretrained(folder)
    toy_tokenizer().save_pretrained(folder)
    size = {"size": {"shortest_edge": 16}, "crop_size": 16} if kind == "clip" else {"size": {"height": 16, "width": 16}}
    getattr(transformers, f"{name}ImageProcessorPil")(**size).save_pretrained(folder)
    return str(folder)


TINY_VIT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "patch_size": 8}


def toy_photos(folder: Path, count: int, captions: int = 2, size: tuple[int, int] = (24, 20)) -> str:
    """A folder of `count` noisy pictures, all different, with a captions.csv of so many rows for each."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers, lines = np.random.default_rng(0), ["file_name,caption"]
    texts = toy_texts(count * captions)
    for i in range(count):
        pixels = numbers.integers(0, 255, (size[1] // 4, size[0] // 4, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize(size).save(folder / f"{i}.png")
        lines += [f"{i}.png,{text}" for text in texts[i * captions:(i + 1) * captions]]
    (folder / "captions.csv").write_text("\n".join(lines) + "\n")
    return str(folder)


def toy_texts(count: int, seed: int = 0) -> list[str]:
    """Texts of one to twelve words, all different."""
    generator = torch.Generator().manual_seed(seed)
    texts = []
    for i in range(count):
        words = torch.randint(len(WORDS), (int(torch.randint(1, 13, (1,), generator=generator)),), generator=generator)
        texts.append(" ".join(WORDS[word] for word in words) + f" {i}")
    return texts


def toy_pairs(count: int) -> list[tuple[str, str]]:
    """With empty texts, texts that are too long, and texts that stand in several pairs."""
    texts = toy_texts(count)
    return [*zip(texts, texts[::-1]), *((texts[0], text) for text in texts[1:4]), ("", texts[1]), (texts[1], ""), ("", ""),
            ("the cat " * 20, "a dog " * 20), ("the cat " * 20, "a dog")]


def lively(scorer: torch.nn.Module) -> torch.nn.Module:
    """The TextPairScorer with a head large enough that its scores differ."""
    for name, weight in scorer.backbone.named_parameters():
        if weight.ndim == 2 and not name.startswith(scorer.backbone.base_model_prefix + "."):
            torch.nn.init.normal_(weight, std=0.3)
    return scorer


def run_in_processes(world: int, function: Callable, *arguments: object) -> None:
    """function(rank, *arguments) in `world` processes of one gloo group; an exception in one fails the test."""
    # They meet at a file. Two test runs that were given the same free port joined each other's group, and gloo aborts.
    # They are forked from a server that has imported what takes seconds; it has the environment of its own start.
    multiprocessing.set_forkserver_preload(IMPORTED)
    with tempfile.TemporaryDirectory() as folder:
        arguments = (dict(os.environ), world, Path(folder, "meeting_point"), function, arguments)
        mp.start_processes(_in_group, args=arguments, nprocs=world, start_method="forkserver")


def _in_group(rank: int, environment: dict[str, str], world: int, meeting_point: Path, function: Callable,
              arguments: tuple) -> None:
    torch.set_num_threads(1)
    os.environ.clear()
    os.environ |= environment
    # As torchrun would set them, so that a Lightning Trainer in here finds its place too; it joins the group there is.
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world), "LOCAL_WORLD_SIZE": str(world),
                   "GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "toys", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
    with group_on_this_machine(rank, world, meeting_point, timeout=300):
        function(rank, *arguments)
