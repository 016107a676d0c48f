#!/bin/bash
# Training on two nodes of eight GPUs under SLURM:  sbatch scripts/slurm.sh configs/mnli_info_nce.yaml [--data.batch_size 64 ...]
# Ended by the time limit, Lightning writes a checkpoint and asks for the job again (SIGUSR1 90 seconds before); started
# again, or requeued after a lost node, it goes on from the last checkpoint, and begins where there is none.
#SBATCH --job-name=lit_embed
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=SIGUSR1@90
#SBATCH --requeue
set -euo pipefail
config=${1:?a config, such as configs/mnli_info_nce.yaml}
srun lit-embed fit --config "$config" --config configs/extras/ddp.yaml \
    --trainer.num_nodes "$SLURM_NNODES" --trainer.devices "$SLURM_NTASKS_PER_NODE" --ckpt_path auto "${@:2}"
