"""fit, validate, test and predict: LightningCLI, with a run folder, a precision for this machine, and one-line errors."""

from argparse import ArgumentError

import jsonargparse
import pyarrow as pa
import pyarrow.parquet as pq
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint, ModelCheckpoint, ProgressBar
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI
from pytorch_lightning.utilities.rank_zero import rank_zero_info, rank_zero_only

from lit_embed.callbacks import ModelFolder, Report, Throughput
from lit_embed.distributed import lost_a_process
from lit_embed.errors import UserError
from lit_embed.files import AtomicCheckpointIO, write_beside
from lit_embed.run.run_folder import find_checkpoint, refuse_another_class, refuse_existing, run_folder
from lit_embed.run.messages import progress, quiet
from lit_embed.run.parsing import check_yaml, config_files, one_line
from lit_embed.run.precision import precision_here
from lit_embed.run.start import MetricsFile, StartRun

OURS = [Throughput, ModelFolder, Report]
# Our samplers know the ranks already; a sanity run before training would be a second "before" in the report.
DEFAULTS = {"use_distributed_sampler": False, "num_sanity_val_steps": 0, "enable_model_summary": False,
            "log_every_n_steps": 10}


class TrainingCLI(LightningCLI):
    """The config tree is the constructor tree; this adds what every run has in common."""

    def __init__(self, arguments: list[str]):
        self.configs = config_files(arguments)
        for file in self.configs:
            check_yaml(file)
        jsonargparse.set_parsing_settings(docstring_parse_attribute_docstrings=True)
        raising = {"exit_on_error": False}
        # Only the command that was asked for: each has a parser of three hundred options, which takes a second to build.
        self.subcommands = lambda: {arguments[0]: LightningCLI.subcommands()[arguments[0]]}
        super().__init__(pl.LightningModule, pl.LightningDataModule, subclass_mode_model=True, subclass_mode_data=True,
                         save_config_callback=StartRun, trainer_defaults=DEFAULTS, seed_everything_default=42,
                         parser_kwargs={**raising, arguments[0]: dict(raising)},
                         auto_configure_optimizers=False, args=arguments)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument("--run", type=str | None, default=None, help="name of the run (default: the first config's)")
        parser.add_argument("--checkpoints", type=str, default="checkpoints", help="folder that holds the run folders")
        parser.add_argument("--overwrite", action="store_true", help="replace an earlier run of this name")

    def _parse_ckpt_path(self) -> None:
        """Nothing: the config says what is built. Lightning would let a checkpoint's arguments overrule it."""

    def before_instantiate_classes(self) -> None:
        config, trainer = self.config[self.subcommand], self.config[self.subcommand].trainer
        self.folder = run_folder(config.checkpoints, config.run, self.configs)
        asked = config.ckpt_path
        # Other processes of a run come later, when the first has begun to write.
        if self.subcommand == "fit" and not asked and not config.overwrite and rank_zero_only.rank == 0:
            refuse_existing(self.folder)
        found = find_checkpoint(str(asked), self.folder, self.subcommand == "fit") if asked else None
        # `auto` without a checkpoint: what a start that died early may have left is no run yet.
        StartRun.replaces_earlier_run = found is None and bool(config.overwrite or asked)
        config.overwrite = False                                  # config.yaml must not replace its own run one day
        config.ckpt_path = found and str(found)
        if found:
            refuse_another_class(found, config.model.class_path)
        trainer.default_root_dir = str(self.folder)
        trainer.precision, changed = precision_here(trainer.precision, trainer.accelerator)
        if changed:
            rank_zero_info(changed)
        for logger in _as_list(trainer.logger):                   # W&B's and TensorBoard's files go into the run folder
            if isinstance(logger, jsonargparse.Namespace) and "save_dir" in logger.init_args:
                logger.init_args.save_dir = str(self.folder)

    def instantiate_trainer(self) -> pl.Trainer:
        self.config[self.subcommand].ckpt_path = None             # config.yaml says what a run is, not where it went on
        config = self._get(self.config_init, "trainer")
        callbacks = _as_list(config.callbacks)
        callbacks += [kind() for kind in OURS if not any(isinstance(each, kind) for each in callbacks)]
        if config.enable_checkpointing is not False and not any(isinstance(each, Checkpoint) for each in callbacks):
            callbacks.append(ModelCheckpoint(save_last=True))
        if config.enable_progress_bar is not False and not any(isinstance(each, ProgressBar) for each in callbacks):
            callbacks.append(progress())
        name = "metrics.csv" if self.subcommand == "fit" else f"{self.subcommand}.csv"
        loggers = [] if config.logger is False else [MetricsFile(self.folder, name), *_as_list(config.logger)]
        return super().instantiate_trainer(callbacks=callbacks, logger=loggers,
                                           plugins=[*_as_list(config.plugins), AtomicCheckpointIO()])

    def predict(self, model: pl.LightningModule, datamodule: pl.LightningDataModule, **options: object) -> None:
        """Writes <run>/predictions.parquet: query, document, and what the module predicts (a cosine, a score)."""
        found = torch.cat(self.trainer.predict(model, datamodule=datamodule, **options)).tolist()
        rows = datamodule.rows("validation")
        with write_beside(self.folder / "predictions.parquet") as beside:
            columns = {"query": rows.queries, "document": rows.documents[0], getattr(model, "predicts", "prediction"): found}
            pq.write_table(pa.table({name: values[:len(found)] for name, values in columns.items()}), beside)
        rank_zero_info(f"{len(found)} pairs: {self.folder / 'predictions.parquet'}")


def _as_list(value: object) -> list:
    if value is None or isinstance(value, bool):
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def run(arguments: list[str]) -> None:
    """arguments: the command and its options, as typed."""
    quiet()
    try:
        TrainingCLI(arguments)
    except (ArgumentError, jsonargparse.ArgumentError) as error:
        raise UserError(one_line(str(error))) from error
    except ValueError as error:
        if "ModelParallelStrategy` does not support" not in str(error):
            raise
        raise UserError("sharded parameters are trained in bf16-mixed, 32-true, bf16-true or 16-true: set trainer.precision to "
                        "one of them") from error
    except RuntimeError as error:
        if lost_a_process(error):
            raise UserError("another process of this run has ended or no longer answers, so this one ends too; if the other "
                            "said nothing above, it was killed. --ckpt_path last goes on from the last checkpoint") from error
        if "Error(s) in loading state_dict" not in str(error):
            raise
        raise UserError("the checkpoint does not fit this model: another backbone, loss or width; give the config it was "
                        f"made with ({' '.join(str(error).split())[:200]})") from error
