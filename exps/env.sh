# Sourced by the scripts of exps/ and tests/, in the project's folder. Sets LAUNCH, the command that runs a Python file:
# the active environment's python, else that of .venv, else python3. LAUNCH="torchrun --nproc_per_node=2" starts two processes.
if [ -z "${LAUNCH:-}" ]; then
  LAUNCH=python3
  if [ -n "${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ]; then LAUNCH=python; elif [ -x .venv/bin/python ]; then LAUNCH=.venv/bin/python; fi
fi

# install FILE...: makes .venv when no virtual environment is active, and installs these requirements once.
install() {
  if [ -z "${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ]; then
    if [ ! -x .venv/bin/pip ]; then
      python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "Python 3.10 or newer is needed, this is $(python3 --version)" >&2; exit 1; }
      echo "making the virtual environment .venv"
      python3 -m venv .venv || { echo "python3 -m venv failed; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
    fi
    LAUNCH=.venv/bin/python
  fi
  for file in "$@"; do
    stamp="$("$LAUNCH" -c 'import sys; print(sys.prefix)')/.installed-$(cksum < "$file" | tr ' ' '-')"
    if [ ! -e "$stamp" ]; then
      echo "installing $file (once)"
      "$LAUNCH" -m pip install --quiet --disable-pip-version-check -r "$file"
      : > "$stamp" || true
    fi
  done
}
