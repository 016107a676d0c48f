#!/bin/bash
# Training on two nodes of eight GPUs under SLURM:  sbatch scripts/slurm.sh configs/mnli_info_nce.yaml [--data.batch_size 64 ...]
# Two minutes before the time limit the job asks to be queued again; then, or after a lost node, it goes on from the run's last
# checkpoint, to the bit, and begins where there is none. So let the config's ModelCheckpoint write one often enough:
# save_last: true, every_n_train_steps: 1000.
#SBATCH --job-name=lit_embed
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail
config=${1:?a config, such as configs/mnli_info_nce.yaml}

# The signal goes to this shell alone (B:). Lightning would answer it with a checkpoint in the middle of a step, which is not
# the state of any step and would be preferred to the run's own.
trap 'scontrol requeue "$SLURM_JOB_ID"' USR1

srun lit-embed fit --config "$config" --config configs/extras/ddp.yaml \
    --trainer.num_nodes "$SLURM_NNODES" --trainer.devices "$SLURM_NTASKS_PER_NODE" --ckpt_path auto "${@:2}" &
training=$!
wait "$training" || wait "$training"      # a signal ends the first wait; the second gives the status of the training
