# Sourced by the scripts of exps/ and tests/, in the project's folder. Sets PYTHON, the active environment's python, else that of
# .venv, else python3; and LAUNCH, the command that runs the launcher, by default PYTHON.
# LAUNCH="torchrun --standalone --nproc_per_node=2" starts two processes.
if [ -n "${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ]; then PYTHON=python; elif [ -x .venv/bin/python ]; then PYTHON=.venv/bin/python; else PYTHON=python3; fi
LAUNCH="${LAUNCH:-$PYTHON}"

# Where data lie is said by the caller: relative paths start from the folder that the script was called in.
for name in DATA DATA_DIR FOLDER; do
  eval "place=\${$name:-}"
  case "$place" in "" | /*) ;; *) place="${OLDPWD:-$PWD}/$place"; eval "$name=\$place" ;; esac
  case "$name $place" in
    DATA_DIR\ *) ;;                                       # read by Python, the others pass through words of the shell
    *\ *[[:space:]]*) echo "$name: given '$place'; a path without blanks, such as a link to it, would do" >&2; exit 2 ;;
  esac
done

# install FILE...: makes .venv when no virtual environment is active, and installs these requirements once.
install() {
  if [ "$PYTHON" = python3 ]; then
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "Python 3.10 or newer is needed, this is $(python3 --version)" >&2; exit 1; }
    echo "making the virtual environment .venv"
    python3 -m venv .venv || { echo "python3 -m venv failed; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
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
