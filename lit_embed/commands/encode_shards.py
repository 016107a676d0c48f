"""`lit-embed encode --output FOLDER`: a corpus of any size, by any number of processes, into files that `index` reads."""

import argparse
import os
import sys
import time
from dataclasses import dataclass

import torch

from lit_embed.commands.index_progress import IndexProgress, embedding_by
from lit_embed.data.passage_stream import PassageStream
from lit_embed.errors import UserError
from lit_embed.models import TextEncoder
from lit_embed.search.encoded_shards import EncodedShards, Encoding
from lit_embed.search.fingerprint import fingerprint

# Rank, number of processes and rank on this machine, as torchrun and as SLURM's srun tell them.
LAUNCHERS = [("RANK", "WORLD_SIZE", "LOCAL_RANK"), ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID")]


@dataclass(frozen=True)
class Place:
    """Which process this is; they share the work without talking to each other."""

    rank: int = 0
    world: int = 1
    local: int = 0

    @classmethod
    def here(cls) -> "Place":
        """
        Raises
            UserError   a launcher's variables that do not fit together
        """
        for names in LAUNCHERS:
            if all(os.environ.get(name) for name in names):
                try:
                    rank, world, local = (int(os.environ[name]) for name in names)
                except ValueError as error:
                    raise UserError(f"the environment's {', '.join(names)} are not all numbers") from error
                if not 0 <= rank < world:
                    raise UserError(f"{names[0]} is {rank} of {names[1]} {world} processes")
                return cls(rank, world, local)
        return cls()

    def device(self) -> torch.device | str:
        """A GPU of its own where there are some."""
        if torch.cuda.is_available():
            return torch.device("cuda", self.local % torch.cuda.device_count())
        return torch.accelerator.current_accelerator() if torch.accelerator.is_available() else "cpu"


def encode_shards(options: argparse.Namespace, encoder: TextEncoder, stream: PassageStream, place: Place) -> None:
    """This process's files: every `place.world`-th one, from `place.rank` on."""
    role = options.role or "document"
    shards = EncodedShards(options.output, Encoding(fingerprint(encoder), role, options.precision, options.shard))
    started, number, own, kept, passages = time.perf_counter(), -1, 0, 0, 0
    with IndexProgress(-(-stream.count() // place.world), shown=place.rank == 0) as progress:
        encode = embedding_by(encoder, role, options.batch_tokens, progress.embedded)
        for number, (ids, texts) in enumerate(stream.blocks(options.shard)):
            ids = [str(passages + row) for row in range(len(texts))] if ids is None else ids
            passages += len(texts)
            if number % place.world != place.rank:
                continue
            own += 1
            if shards.has(number, ids, texts):
                kept += 1
                progress.told("kept", len(texts))
                continue
            shards.write(number, ids, texts, encode(texts))
    shards.finish(number + 1)
    who = f"process {place.rank + 1} of {place.world}: " if place.world > 1 else ""
    print(f"{who}{own} of {number + 1} files, {kept} of them by an earlier start; {passages:,} passages in all, "
          f"{time.perf_counter() - started:,.0f} s: {options.output}", file=sys.stderr)
