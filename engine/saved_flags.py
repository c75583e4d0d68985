"""flags.json: the flags of a run and the files that they name, written, read, and compared on resume."""

import argparse
import hashlib
import json
import os

from engine.errors import MissingError, UserError
from engine.files import read_regular
from engine.flag_types import Pairs, is_file
from engine.load import located, named, other_clone, same_text

FILES = ("network", "iterator", "trainer")  # flags that name a file; compared by content, not by name
# not flags, but kept beside them: what the data said, and what follows from it and the flags
FACTS = ("data_shape", "data_shape_b", "n_classes", "steps_per_epoch", "data_digest", "file_digests")
DERIVED = ("total_steps",)


def files_of(flags):
    """[(flag, name)] of the files that flags name: the network, iterator and trainer, and keys such as
    --penalty's."""
    keys = [
        (n, key) for n, value in flags.items() if isinstance(value, dict) for key in value if is_file(key)
    ]
    return [(flag, flags[flag]) for flag in FILES] + keys


def folder_of(save_path, name, seed):
    """The folder of a run."""
    return os.path.join(save_path, name, f"s{seed}")


def copied(folder, flag, name):
    """Where the run in `folder` keeps its copy of the file that `flag` named."""
    return os.path.join(folder, "files", flag, os.path.basename(name))


def record(args):
    """The flags as flags.json and checkpoints keep them: a dict."""
    return {name: value for name, value in vars(args).items() if name not in args.unserved}


def read(folder):
    """The flags.json of a run's folder, or None. Raises MissingError for a file that is not a run's."""
    path = os.path.join(folder, "flags.json")
    try:
        flags = json.loads(read_regular(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MissingError(
            f"{path}: cannot be read: {error.strerror}; mend that or use another --name"
        ) from None
    except (ValueError, RecursionError) as error:
        raise MissingError(
            f"{path}: not readable as JSON ({error}); restore it or use another --name"
        ) from None
    if not complete(flags):
        raise MissingError(f"{path}: does not hold a run's flags; restore it or use another --name")
    return flags


def complete(flags):
    """Whether `flags` is a dict that has what modes need of a run's flags."""
    wanted = {**dict.fromkeys(FILES, str), "data_shape": list, "n_classes": int}
    return isinstance(flags, dict) and all(isinstance(flags.get(n), kind) for n, kind in wanted.items())


def of_checkpoint(path):
    """(flags, folder, file that holds them) of a checkpoint that --resume names for a mode.

    In the folder checkpoints/ of a run they are the run's. Elsewhere the checkpoint is enough: it holds its
    flags, and results go to the folder where it lies. Raises UserError for a file that is no checkpoint.
    """
    folder = os.path.dirname(path)
    run = os.path.dirname(os.path.abspath(folder))
    if os.path.basename(os.path.abspath(folder)) == "checkpoints" and os.path.isfile(
        os.path.join(run, "flags.json")
    ):
        return read(run), run, os.path.join(run, "flags.json")
    from engine import checkpoint  # here: it imports torch, which reports do without

    flags = checkpoint.named(path)["flags"]
    if not complete(flags):
        raise UserError(f"--resume: {path}: holds no complete flags of a run; use another checkpoint")
    return flags, folder or ".", path


def digests(flags):
    """The sha256 of each file outside the project that flags name: a checkpoint alone can tell its own. One
    that is not there is left to load_file."""
    paths = [located(name) for _, name in files_of(flags) if os.path.isabs(name)]
    return sorted(digest(path) for path in paths if os.path.isfile(path))


def digest(path):
    """The sha256 of a text file, with its lines ended by a line feed."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read().replace(b"\r\n", b"\n")).hexdigest()


def check_saved(action, value, file):
    """Raises UserError where the value of a flag in flags.json could not have been given."""
    try:
        if value is None:
            wrong = action.default is not None
        elif isinstance(action, Pairs):
            wrong = not isinstance(value, dict) or action.check(value) is None
        elif action.nargs == 0:
            wrong = not isinstance(value, bool)
        else:
            wrong = False
            for item in value if isinstance(value, list) else [value]:
                wrong |= action.choices is not None and item not in action.choices
                wrong |= isinstance(action.default, str) and not isinstance(item, str)
                if action.type and (isinstance(item, str) or getattr(action.type, "bounded", False)):
                    action.type(str(item))
    except (ValueError, TypeError, argparse.ArgumentTypeError):
        wrong = True
    if wrong:
        raise UserError(
            f"{file}: {action.dest} is {value!r} in it, which --{action.dest} cannot be; restore the file"
        )


def restored(saved, folder):
    """The flags of a run with files where they are now: in the project, as recorded, or the run's own
    copies."""

    def now(flag, name):
        copy, inside = copied(folder, flag, name), other_clone(name)
        # the copy of a trainer may be older than what it imports; other copies stand for themselves
        if inside and (flag == "trainer" or not os.path.isfile(copy) or same_text(copy, located(inside))):
            return inside
        return name if os.path.isfile(located(name)) or not os.path.isfile(copy) else copy

    saved = saved | {flag: now(flag, saved[flag]) for flag in FILES}
    for flag, value in saved.items():
        if isinstance(value, dict):
            saved[flag] = {now(flag, key) if is_file(key) else key: v for key, v in value.items()}
    return saved


def check_files(saved, folder, given):
    """For modes: raises UserError for a file outside the project, to be imported because flags.json or a
    checkpoint names it, that is not the run's own: not what the run keeps a copy or the digest of. Raises
    MissingError for one that is gone. Flags among those `given` are the user's word. A run's folder or a
    checkpoint may be someone else's."""
    kept = saved.get("file_digests") or []
    for flag, name in files_of(saved):
        path, copy = located(name), copied(folder, flag, name)
        if flag in given:
            continue
        if not os.path.isfile(path):
            if flag == "iterator":  # many modes need no data; load_file names it where one does
                continue
            raise MissingError(
                f"--{flag}: the run was trained with {name}, which is gone; use --{flag}=FILE with a copy"
            )
        if not os.path.isabs(named(path)) or os.path.isfile(copy) and same_text(copy, path):
            continue
        if digest(path) not in kept:
            raise UserError(
                f"--{flag}: {name}, which the run's flags name, is outside the project and not the file that "
                f"the run began with; use --{flag}={name} if you trust it"
            )


# --- on resume


def differences(then, args, folder):
    """What differs between the flags of an earlier start (a dict) and now's, and would change the run, one
    text each.

    Files count by content: the copy in `folder` against the file named now. The same file with other text is
    left to edited().
    """
    now, found = record(args), []
    for name in sorted(set(then) & set(now)):
        old, new, action = then[name], now[name], args.declared.get(name)
        if name in FILES:
            old = renamed(old, [new], name, folder)
        elif isinstance(old, dict) and isinstance(new, dict):
            old = {
                renamed(key, filter(is_file, new), name, folder) if is_file(key) else key: v
                for key, v in old.items()
            }
            old = {
                k: new[k] if is_file(v) and is_file(new.get(k)) and same_file(v, new[k]) else v
                for k, v in old.items()
            }
            if name == "iterator_args":  # data may move; steps_per_epoch tells if it changed
                old, new = ({k: v for k, v in d.items() if k not in ("root", "cache")} for d in (old, new))
        if old == new or name in DERIVED or name == "file_digests":  # files are compared above
            continue
        if name == "data_digest" or name == "steps_per_epoch" and getattr(args, "accept_new_data", False):
            if not getattr(args, "accept_new_data", False) and None not in (old, new):
                found.append(
                    f"the data: their files or labels have changed (sha256 {old[:8]} then, {new[:8]} now); "
                    "use --accept_new_data to go on with the new ones"
                )
            continue
        if action is not None and action.planned:
            plan = action.planned
            if now.get(plan.where) in plan.values and old:
                found.append(
                    f"--{name}: {old} then, {new} now, which {plan.what} is planned by; "
                    f"use --{name}={old} to keep the plan"
                )
        elif action is None or action.changes_run:
            found.append(f"{'the data, ' if name in FACTS else '--'}{name}: {old} then, {new} now")
    return found


def renamed(old, names, flag, folder):
    """That of `names` which is the file once recorded as `old`, or holds what the run's copy of it holds;
    else `old`."""
    copy = copied(folder, flag, old)
    for name in names:
        if same_file(old, name) or os.path.isfile(copy) and same_text(copy, located(name)):
            return name
    return old


def same_file(old, name):
    """Whether a name recorded earlier, perhaps by another clone, is that of the file `name`."""
    return name in (named(located(old)), other_clone(old))


def edited(then, args, folder):
    """The files of an earlier start whose text has changed since, one text each."""
    found = []
    for flag, old in files_of(then):
        copy = copied(folder, flag, old)
        for name in [name for f, name in files_of(record(args)) if f == flag and same_file(old, name)]:
            if os.path.isfile(copy) and not same_text(copy, located(name)):
                found.append(f"--{flag}: {name} has changed since the run began (its copy is {copy})")
    return found
