#!/usr/bin/env bash
# All tests, in an environment of their own.
#
#   bash scripts/test.sh [OPTIONS OF pytest]      # for example: -k info_nce
#
# Makes .venv-test. Tests of real data and models run where LIT_EMBED_DATA and LIT_EMBED_MODELS name their folders.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/make_environment.sh .venv-test test
export HF_HUB_OFFLINE=1 WANDB_MODE=offline

echo "== testing"
.venv-test/bin/python -m pytest "$@"
