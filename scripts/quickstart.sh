#!/usr/bin/env bash
# From nothing to a trained model that finds Python functions by description, and a first search with it.
#
#   bash scripts/quickstart.sh [OPTIONS OF lit-embed fit]      # for example: --trainer.max_steps 20
#
# Makes .venv, trains about a minute on two CPU cores, writes checkpoints/quickstart. Run again, it trains again.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/make_environment.sh .venv
export HF_HUB_OFFLINE=1  # everything is here already; never wait for a hub

echo "== training (configs/quickstart.yaml $*)"
.venv/bin/lit-embed fit --config configs/quickstart.yaml --overwrite "$@"

# Another --run has another folder; its own command stands in the report above.
case " $* " in *" --run"* | *" --checkpoints"*) exit 0 ;; esac
query="keep only the rows whose index is missing"
echo
echo "== searching: .venv/bin/lit-embed search quickstart \"$query\""
.venv/bin/lit-embed search quickstart "$query" --k 5
