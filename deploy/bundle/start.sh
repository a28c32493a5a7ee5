#!/bin/sh
# Starts the page of INP-Former++ Lab. No network is needed or asked.
set -eu
cd "$(dirname "$0")"
python="${PYTHON:-python3}"
if [ -d wheels ]; then
    # Marked when whole: one that was interrupted is made anew.
    if [ ! -f .venv/installed ]; then
        if ! "$python" -c "import sys; sys.exit('.'.join(map(str, sys.version_info[:2])) != '@PYTHON@')"; then
            echo "start.sh: the wheels are for Python @PYTHON@; set PYTHON to such a one." >&2
            exit 1
        fi
        rm -rf .venv
        "$python" -m venv .venv
        .venv/bin/python -m pip install --disable-pip-version-check --no-index --find-links wheels \
            -r program/requirements.txt
        touch .venv/installed
    fi
    python="$PWD/.venv/bin/python"
fi
export HF_HUB_OFFLINE=1
export INPFORMER_MODEL="${INPFORMER_MODEL:-@MODEL@}"
cd program
exec "$python" app.py "$@"
