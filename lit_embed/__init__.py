"""lit_embed: text-embedding models trained with PyTorch Lightning, every line of the loss math in your own hands."""

__version__ = "0.1.0"
