"""`lit-embed mteb`: tasks of the Massive Text Embedding Benchmark, evaluated by the package mteb on a model of ours.

    lit-embed mteb --model checkpoints/mine/model --tasks Banking77Classification STSBenchmark SciFact
    lit-embed mteb --model checkpoints/mine/model --base sentence-transformers-folder --tasks KLUE-STS --data data --json mteb.json

The data come from the Hub, or with --data FOLDER from the folders in there: FOLDER/banking77 for the Hub's mteb/banking77 (FOLDER may be that one itself).
The figures in the file are those of mteb, by its names: {"STSBenchmark": {"main_score": .., "cosine_spearman": .., ..}, ..}.
"""

import argparse
import json
import sys
import time
from functools import partial
from importlib.metadata import version
from pathlib import Path

from lit_embed import __version__
from lit_embed.benchmarks.mteb_data import check_data, load
from lit_embed.benchmarks.mteb_figures import sources, task_figures
from lit_embed.benchmarks.mteb_model import MtebModel
from lit_embed.benchmarks.mteb_tasks import open_task
from lit_embed.commands.mteb_table import show
from lit_embed.commands.open_model import add_precision, open_encoder, tell_cost
from lit_embed.errors import UserError
from lit_embed.files import write_beside
from lit_embed.models import TextEncoder
from lit_embed.models.endpoint import Endpoint
from lit_embed.run.arguments import one_line_parser
from lit_embed.run.messages import quiet
from lit_embed.search.fingerprint import fingerprint

SETTINGS = ("pooling", "normalization", "query_prefix", "document_prefix", "max_length", "precision")


def run(arguments: list[str]) -> None:
    """arguments: "mteb" and its options, as typed."""
    options = parser().parse_args(arguments[1:])
    if options.json and Path(options.json).is_dir():
        raise UserError(f"--json {options.json} is a folder; name a file")
    quiet()
    tasks = [open_task(name, options.split) for name in dict.fromkeys(options.tasks)]
    for task in tasks:                                      # a mistake in the last one shows before the first is read
        check_data(task, options.data)
    models = {name: open_encoder(name, options.max_length, options.precision)
              for name in dict.fromkeys([options.model, *options.base])}
    asked = {name: MtebModel(partial(encoder.encode, progress=True), name, fingerprint(encoder))
             for name, encoder in models.items()}
    for task in tasks:
        load(task, options.data, say)
    about = settings(options.model, tasks)
    about["models"] = {name: model_settings(encoder, asked[name]) for name, encoder in models.items()}
    figures = {name: {} for name in models}
    keep(options.json, figures, about)                      # a place that cannot be written shows now
    for number, task in enumerate(tasks, 1):
        for name, model in asked.items():
            say(f"{task.metadata.name}, {number} of {len(tasks)}" + (f": {name}" if len(asked) > 1 else ""))
            started = time.perf_counter()
            figures[name][task.metadata.name] = task_figures(model, task)
            about["models"][name]["seconds"][task.metadata.name] = round(time.perf_counter() - started, 1)
            keep(options.json, figures, about)              # a benchmark of hours that is stopped leaves what it has
        task.unload_data()
    for encoder in models.values():
        tell_cost(encoder)
    show(figures, about, {task.metadata.name: task.metadata.main_score for task in tasks})


def parser() -> argparse.ArgumentParser:
    made = one_line_parser("mteb", __doc__)
    made.add_argument("--model", required=True, help="folder of a model: <run>/model, or one of sentence-transformers")
    made.add_argument("--base", nargs="+", default=[], metavar="MODEL",
                      help="other models to stand beside it: what training started from, or openai:MODEL[@URL]")
    made.add_argument("--tasks", nargs="+", required=True, help="names of the tasks, as MTEB writes them")
    made.add_argument("--data", help="folder of data sets in the layout of the Hub (default: the Hub)")
    made.add_argument("--split", help="evaluate this split (default: the one that the benchmark says)")
    made.add_argument("--max-length", type=int, help="tokens of a text (default: the models' folders say)")
    made.add_argument("--json", metavar="OUT", help="all figures into a file, which grows task by task")
    add_precision(made)
    return made


def settings(model: str, tasks: list) -> dict:
    """What the figures depend on, for whoever wants to have them again."""
    return {"model": model, "mteb": version("mteb"), "lit_embed": __version__, "similarity": "cosine",
            "data": [source for task in tasks for source in sources(task)]}


def model_settings(encoder: TextEncoder | Endpoint, model: MtebModel) -> dict:
    """revision: of the weights, as the search index knows them; seconds: to be filled, by task."""
    said = {name: getattr(encoder, name) for name in SETTINGS if hasattr(encoder, name)}
    return {"revision": model.mteb_model_meta.revision, **said, "seconds": {}}


def as_written(figures: dict[str, dict], about: dict) -> dict:
    """Those of --model stand at the top by their tasks, those of the others under "base" by their models."""
    others = {name: own for name, own in figures.items() if name != about["model"]}
    return figures[about["model"]] | ({"base": others} if others else {}) | {"settings": about}


def keep(file: str | None, figures: dict[str, dict], about: dict) -> None:
    if file:
        with write_beside(file) as beside:
            text = json.dumps(as_written(figures, about), indent=2, ensure_ascii=False)
            beside.write_text(text + "\n", encoding="utf8")


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
