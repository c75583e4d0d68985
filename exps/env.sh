# Sourced by the scripts of exps/ and tests/, in the project's folder. Sets PYTHON, LAUNCH, DATA and DATA_DIR.
# PYTHON: the active environment's python, else that of .venv, else python3.
# LAUNCH: the command that runs the launcher, by default PYTHON; given by the caller, it may be
# LAUNCH="torchrun --standalone --nproc_per_node=2", which starts two processes.
if [ -n "${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ]; then PYTHON=python
elif [ -x .venv/bin/python ]; then PYTHON=.venv/bin/python
else PYTHON=python3
fi
LAUNCH="${LAUNCH:-$PYTHON}"

# The folder with data, for every script that reads data from disk: DATA, else DATA_DIR, else the folder data
# of the project. FOLDER is for the scripts that train on images of your own: a folder or a zip of them.
# Relative paths start in the folder that the script was called in. Paths may have blanks.
for name in DATA DATA_DIR FOLDER; do
  eval "place=\${$name:-}"
  case "$place" in "" | /*) ;; *) place="${OLDPWD:-$PWD}/$place"; eval "$name=\$place" ;; esac
done
# iterator files read DATA_DIR; scripts whose flags.json records the folder give root="$DATA" too
[ -z "${DATA:-}" ] || export DATA_DIR="$DATA"
DATA="${DATA_DIR:-data}"

# install FILE...: makes .venv when no virtual environment is active, and installs these requirements once.
install() {
  if [ "$PYTHON" = python3 ]; then
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
      echo "use Python 3.10 or newer; python3 is $(python3 --version)" >&2
      exit 1
    }
    echo "making the virtual environment .venv"
    python3 -m venv .venv || {
      echo "python3 -m venv failed; on Debian and Ubuntu, use apt install python3-venv first" >&2
      exit 1
    }
    [ "$LAUNCH" = python3 ] && LAUNCH=.venv/bin/python
    PYTHON=.venv/bin/python
  fi
  for file in "$@"; do
    stamp="$("$PYTHON" -c 'import sys; print(sys.prefix)')/.installed-$(cksum < "$file" | tr ' ' '-')"
    if [ ! -e "$stamp" ]; then
      echo "installing $file (once)"
      "$PYTHON" -m pip install --quiet --disable-pip-version-check -r "$file"
      : > "$stamp" || true
    fi
  done
}
