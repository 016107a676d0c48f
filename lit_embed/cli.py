"""`lit-embed`: which command was asked for. Nothing heavy is imported before that is known, so that --help is instant."""

import importlib
import sys

from lit_embed import __version__
from lit_embed.errors import UserError
from lit_embed.run.allocator import keep_freed_memory
from lit_embed.run.orphans import end_with_torchrun

HELP = """usage: lit-embed COMMAND ...

Train text-embedding models, embed texts with them, search with them.

  fit        train:      lit-embed fit --config configs/quickstart.yaml [--trainer.max_steps 100] ...
  validate   evaluate on the validation split, as fit does on its way
  test       evaluate on the test split
  predict    the cosine of each pair of the validation split, into the run folder
  encode     texts in a file or on standard input -> embeddings in a .npy or .parquet file
  index      documents in a file or a data set -> a folder that can be searched (FAISS)
  search     ask a finished run or an index: by meaning, by words (BM25) or both, re-ranked by a cross-encoder
  evaluate   questions with known answers: HitRate, MRR, nDCG, recall, MAP with intervals, BM25 as the floor
  mine       add hard negatives to a file of pairs
  similarity, odd-one-out
             a handful of sentences: how alike is each to each, and which does not belong
  compare    the first step at which two runs differ
  mteb       tasks of the Massive Text Embedding Benchmark
  export     a run or a model folder for other libraries: sentence-transformers, onnx, onnx-int8, merged adapters, the Hub
  serve      embeddings, re-ranking and search over HTTP, and a page to try them
  verify     is the gradient the same however a batch is run? In parts, in chunks, over processes, in bf16

Every field of a config is an option too (--model.encoder.backbone FOLDER --data.path FOLDER --trainer.max_steps N);
later --config files lie over earlier ones (--config configs/mnli_cosine.yaml --config configs/extras/wandb.yaml).
lit-embed COMMAND --help says more.
"""
COMMANDS = {"fit": "train", "validate": "train", "test": "train", "predict": "train",
            "encode": "encode", "index": "index", "search": "search", "evaluate": "evaluate", "mine": "mine",
            "similarity": "similarity", "odd-one-out": "odd_one_out", "compare": "compare", "mteb": "mteb", "export": "export", "serve": "serve",
            "verify": "verify"}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status: 0 done, 2 a mistake of the user, said in one line on standard error."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(HELP, end="")
        return 0
    if arguments[0] == "--version":
        print(f"lit-embed {__version__}")
        return 0
    try:
        if arguments[0] not in COMMANDS:
            raise UserError(f"no command {arguments[0]!r}: there are {', '.join(COMMANDS)}")
        end_with_torchrun()                               # before the seconds that imports take
        command = importlib.import_module(f"lit_embed.commands.{COMMANDS[arguments[0]]}")
        keep_freed_memory()
        command.run(arguments)
    except BrokenPipeError:                           # the reader, head for example, has seen enough
        sys.stderr.close()
    except KeyboardInterrupt:
        print("lit-embed: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        mistake = users_mistake(error)
        if mistake is None:
            raise
        print(f"lit-embed: error: {' '.join(str(mistake).split())}", file=sys.stderr)
        return 2
    return 0


def users_mistake(error: BaseException | None) -> UserError | None:
    """The UserError behind an exception: the config reader wraps what a constructor raised in errors of its own."""
    while error is not None and not isinstance(error, UserError):
        error = error.__cause__
    return error


if __name__ == "__main__":
    sys.exit(main())
