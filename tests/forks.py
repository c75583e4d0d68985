"""Starts of the launcher without its seconds of imports: forks of a process that has imported it.

The process is one of its own, which never runs a parallel operation: a fork after one would hang. It reads
a JSON object a line (words, cwd, env, the files of stdout and stderr), answers with the number of the child,
and then with its exit code.
"""

import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
AT_IMPORT = ("PYTHON", "LC_", "LANG", "OMP_", "MKL_", "KMP_", "LD_", "CUDA_", "TORCH_", "MPL")  # read once


class Server:
    """The process that forks, as its parent sees it."""

    def __init__(self):
        self.env = at_import(os.environ)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.forks"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def serves(self, env):
        """Whether a start in this environment is that of a fork."""
        return at_import(env) == self.env

    def run(self, words, cwd, env, folder, timeout):
        """The CompletedProcess of the launcher. folder: for its output. Raises TimeoutExpired."""
        import select

        files = [os.path.join(folder, name) for name in ("stdout", "stderr")]
        self.send({"words": words, "cwd": str(cwd), "env": dict(env), "files": files})
        child = self.answer()
        if not select.select([self.process.stdout], [], [], timeout)[0]:
            os.kill(child, 9)
            self.answer()
            raise subprocess.TimeoutExpired(words, timeout)
        code = self.answer()
        texts = []
        for file in files:
            with open(file, encoding="utf8") as text:
                texts.append(text.read())
        return subprocess.CompletedProcess(words, code, *texts)

    def send(self, request):
        """A line to the process."""
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def answer(self):
        """A line from it: a number."""
        return int(self.process.stdout.readline())


def at_import(env):
    """The variables that are read when Python starts or torch is imported."""
    return {name: value for name, value in env.items() if name.startswith(AT_IMPORT)}


def child(request):
    """What a fork does: becomes the launcher. Does not return."""
    code = 99
    try:
        os.setsid()
        os.environ.clear()
        os.environ.update(request["env"])
        os.chdir(request["cwd"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(request["files"][number - 1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
            setattr(sys, name, open(number, "w", encoding="utf8", closefd=False))
        sys.argv = [os.path.join(ROOT, "task_launcher.py"), *request["words"]]
        sys.path[0] = ROOT
        code = task_launcher.command_line()
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def serve():
    """Answers until its parent is gone."""
    for line in sys.stdin:
        started = os.fork()
        if not started:
            child(json.loads(line))
        print(started, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(started, 0)[1]), flush=True)


if __name__ == "__main__":
    import matplotlib.backends.backend_agg  # noqa: F401  what a run imports
    import torch

    import task_launcher

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 1)))
    serve()
