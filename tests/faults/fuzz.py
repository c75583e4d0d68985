"""Random command lines made from the parser itself, each run in a process of its own.

    python -m tests.faults.fuzz --lines 500 --seed 0

Every one must end within a minute, with exit code 0, 2, 3, 4 or 75; other codes than 0 with one last line
of at most 300 characters, and without a traceback. Prints what does not, and a table of exit codes by
mode.
"""

import argparse
import collections
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time

from engine import flags
from eval.modes import MODES, add_flags
from tests.faults import inject
from tests.running import SMALL

DOCUMENTED = (0, 2, 3, 4, 75)
SECONDS, LONGEST = 60, 300
# of scores, once for each data set, which it says; seconds for that
TRAINS, TRAINING = ("training the classifier", 300)
MEMORY = 8 << 30
SLOW_MODES = ("export",)  # trace each network and load it in another Python: as long as TRAINING
# not drawn: what compiles for minutes, and what only says more
LEFT_OUT = ("help", "compile", "traceback", "tensorboard")
# configurations of the fault runs, each with modes of its own
RUNS = ("gan", "gan on points, measured", "autoencoder", "class_mixing", "bigan", "cyclegan", "beta_vae")
NUMBERS = ("0", "1", "2", "3", "5", "0.5", "1e-3", "-1", "1.5", "7", "64")
ODD = (
    *(
        "",
        " ",
        "-",
        "--",
        "=",
        "nan",
        "inf",
        "1e400",
        "-0",
        "\u00b2",
        "0x10",
        "1_000",
        "1000000000000",
        "True",
        "None",
    ),
    *(
        "a=b",
        "k=",
        "=v",
        "x" * 5000,
        "$x$",
        "gr\u00f6\u00dfe",
        "a\nb",
        "../x",
        "/",
        "/dev/null",
        "/dev/zero",
        "{fifo}",
    ),
    *(
        "{folder}",
        "{file}",
        "{folder}/none.py",
        "{run}",
        "networks/small.py",
        "size=-1",
        "n=0",
        "width=1e9",
        "full",
        "1-1",
    ),
)


def values(action, draw):
    """Words for a flag: some that it takes, some that it may not."""
    if action.nargs == 0:
        return []
    n = (
        draw.choice((0, 1, 2))
        if action.nargs in ("*", "+")
        else action.nargs
        if isinstance(action.nargs, int)
        else 1
    )
    words = []
    for _ in range(n):
        kind = draw.random()
        if kind < 0.4 and action.choices:
            words.append(str(draw.choice(list(action.choices))))
        elif kind < 0.5 and action.default not in (None, "", {}, []):
            words.append(str(action.default))
        elif kind < 0.75:
            words.append(draw.choice(NUMBERS))
        else:
            words.append(draw.choice(ODD))
    return words


def command(draw, declared, name):
    """(mode, words) of a random command line on the run `name`, whose flags are `declared`."""
    mode = "train" if draw.random() < 0.4 else draw.choice(list(MODES))
    mine = [
        a
        for n, a in declared.items()
        if n not in (*LEFT_OUT, "mode", "name", "save_path") and (not a.read_by or mode in a.read_by)
    ]
    words = []
    for action in draw.sample(mine, draw.choice((1, 1, 2, 3))):
        given = values(action, draw)
        if len(given) == 1 and draw.random() < 0.7:
            words.append(f"{action.option_strings[0]}={given[0]}")
        else:
            words += [action.option_strings[0], *given]
    if draw.random() < 0.1:
        words.append(draw.choice(ODD))
    if mode == "train":
        base = [*SMALL, *inject.CONFIGURATIONS[name], "--save_every_steps=2"]
        run = draw.choice((f"--name={name}", "--name=new", f"--name={draw.choice(ODD)}"))
        return mode, [*base, run, "--resume=auto", *words, "--max_steps=4"]
    quick = ["--extractor=pixels", "--protocol=20-train"] if mode == "evaluate" else []
    return mode, [f"--mode={mode}", f"--name={name}", "--cpu", *quick, *words]


class Fuzz:
    """A folder with a short run of each of RUNS, and random command lines on copies of it."""

    def __init__(self, folder, seed):
        self.folder, self.seed, self.runs = folder, seed, os.path.join(folder, "runs")
        self.declared, self.outcomes = {}, collections.Counter()
        for name in RUNS:
            words = [*SMALL, *inject.CONFIGURATIONS[name], f"--save_path={self.runs}", f"--name={name}"]
            self.declared[name] = flags.parse(words, ("train", *MODES), add_flags).declared
            log = f"{folder}/made.log"
            assert inject.run([*words, "--max_steps=3"], log=log) == 0, inject.text(log)
        os.mkfifo(f"{folder}/fifo")
        with open(f"{folder}/file", "w", encoding="utf8") as file:
            file.write("text")

    def line(self, which):
        """(mode, words, exit code or "hangs", what was printed) of the `which`-th command line."""
        draw = random.Random(f"{self.seed} {which}")
        name = draw.choice(RUNS)
        mode, words = command(draw, self.declared[name], name)
        place = {"fifo": f"{self.folder}/fifo", "folder": self.folder, "file": f"{self.folder}/file"}
        place["run"] = f"{self.runs}/{name}/s0"
        for key, path in place.items():
            words = [word.replace("{" + key + "}", path) for word in words]
        copy, log = os.path.join(self.folder, "copy"), os.path.join(self.folder, "log")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.runs, copy)
        if os.path.exists(log):
            os.remove(log)
        child = inject.start([f"--save_path={copy}", *words], self.limit, log)
        code = self.wait(child, log, TRAINING if mode in SLOW_MODES else SECONDS)
        self.outcomes[mode, code] += 1
        return mode, words, code, inject.text(log)

    def limit(self):
        """In the child: a place of its own, and not all of the memory."""
        os.chdir(self.folder)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    def wait(self, child, log, seconds):
        """The child's exit code; "hangs" if it had to be killed after so many seconds."""
        began = time.monotonic()
        while time.monotonic() < began + (TRAINING if TRAINS in inject.text(log) else seconds):
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.05)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return "hangs"

    def wrong(self, which):
        """What is wrong with the outcome of the `which`-th command line, as text; None if nothing is."""
        mode, words, code, said = self.line(which)
        last = (said.strip().splitlines() or [""])[-1]
        if code not in DOCUMENTED:
            why = f"exit code {code}"
        elif code and (not last.strip() or len(last) > LONGEST):
            why = f"its last line has {len(last)} characters"
        elif "Traceback" in said:
            why = "a traceback"
        else:
            return None
        short = [word if len(word) < 100 else word[:100] + "..." for word in words]
        return f"{which}: {why}: {short!r}\n    {last[:400]}"

    def table(self):
        """Exit codes by mode, as Markdown."""
        codes = sorted({code for _, code in self.outcomes}, key=str)
        lines = ["| mode | " + " | ".join(map(str, codes)) + " |", "|---" * (len(codes) + 1) + "|"]
        for mode in sorted({mode for mode, _ in self.outcomes}):
            lines.append(f"| {mode} | " + " | ".join(str(self.outcomes[mode, code]) for code in codes) + " |")
        return "\n".join(lines)


def main():
    """Prints what ends otherwise than documented, and the table; exit code 1 if anything does."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=500, help="command lines to run (default 500)")
    parser.add_argument("--first", type=int, default=0, help="number of the first, to repeat one (default 0)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the command lines (default 0)")
    args = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        fuzz = Fuzz(folder, args.seed)
        for which in range(args.first, args.first + args.lines):
            wrong = fuzz.wrong(which)
            if wrong:
                bad += 1
                print(wrong, flush=True)
        print(
            f"\n{fuzz.table()}\n\n{args.lines} command lines, seed {args.seed}: "
            f"{bad} end otherwise than documented"
        )
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
