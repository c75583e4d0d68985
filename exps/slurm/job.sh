# Sourced by the sbatch files, with the script and its flags as arguments: one process for each Slurm task,
# and the job is requeued on exit 75.
cd "${SLURM_SUBMIT_DIR:-.}" || exit 2
if [ ! -f "${1:-}" ]; then
  echo "no script ${1:-given}; use a script of exps/, such as exps/baseline.specnorm.sh" >&2
  exit 2
fi
export MASTER_ADDR="${MASTER_ADDR:-$(scontrol show hostnames "${SLURM_JOB_NODELIST:-localhost}" | head -n 1)}"
export MASTER_PORT="${MASTER_PORT:-$((20000 + ${SLURM_JOB_ID:-0} % 20000))}"
# the names that torch.distributed reads, from those that srun sets for each task
srun sh -c 'RANK=$SLURM_PROCID LOCAL_RANK=$SLURM_LOCALID WORLD_SIZE=$SLURM_NTASKS exec sh "$@"' sh "$@" &
step=$!
# Slurm sends the signal to srun's tasks; the batch shell only has to outlive it
trap : USR1 TERM
while :; do
  wait "$step"; code=$?
  kill -0 "$step" 2>/dev/null || break
done
if [ "$code" -eq 75 ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
