"""Lists the caches of decoded images, and removes those that are no longer used: python -m iterators.cache
[--help]."""

import argparse
import os
import shutil
import sys
import time

from engine.errors import MissingError, UserError
from iterators.library import cache


def found(places):
    """[(folder, source or None, bytes, seconds since 1970 of the last use, note)] of the caches in the
    places."""
    rows = []
    for place in places:
        for name in sorted(os.listdir(place)) if os.path.isdir(place) else []:
            folder = os.path.join(place, name)
            if not os.path.isfile(os.path.join(folder, "images.npy")):
                continue
            source, note = None, ""
            try:
                source = cache.described(folder)["source"]
                note = "" if os.path.exists(source) else "source is gone"
            except cache.DAMAGE:
                note = "half written" if ".part-" in name else "damaged, or of an older version"
            size = sum(os.path.getsize(os.path.join(folder, file)) for file in os.listdir(folder))
            rows.append((folder, source, size, os.path.getmtime(folder), note))
    return rows


def removed(rows, days, gone):
    """The rows to remove: not used for `days` (None: for any time), and with `gone` those whose source is
    gone or that are damaged."""
    old = time.time() - days * 86400 if days is not None else None
    return [row for row in rows if old is not None and row[3] <= old or gone and row[4]]


def size_text(size):
    """Bytes as "3.2 GB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def main(argv=None):
    """Runs the command; returns 0. Raises UserError for what the user can mend."""
    parser = argparse.ArgumentParser(
        prog="python -m iterators.cache", description=__doc__, allow_abbrev=False
    )
    parser.add_argument(
        "places",
        nargs="*",
        help="folders to look in, beside those known of: a data set's parent, or a folder given by cache=",
    )
    parser.add_argument("--prune", action="store_true", help="remove caches; say which by --days or --gone")
    parser.add_argument(
        "--days", type=float, default=None, help="with --prune: not used for so many days (0: all)"
    )
    parser.add_argument(
        "--gone", action="store_true", help="with --prune: whose source is gone, or that are damaged"
    )
    args = parser.parse_args(argv)
    if args.prune != (args.days is not None or args.gone):
        raise UserError("--prune: use it together with --days=N or --gone, which say what to remove")
    if args.days is not None and not args.days >= 0:
        raise UserError(f"--days: given {args.days}; use 0 or more")
    lacking = [place for place in args.places if not os.path.isdir(place)]
    if lacking:
        raise MissingError(f"{lacking[0]}: no such folder; use a folder that holds caches, or data")
    given = [os.path.abspath(place) for place in args.places]
    places = [*cache.registered(), cache.user_folder(), os.path.abspath(".task_launcher")]
    for place in given:
        places += [place, os.path.join(place, ".task_launcher")]
    rows = found(dict.fromkeys(places))
    for folder, source, size, used, note in rows:
        day = time.strftime("%Y-%m-%d", time.localtime(used))
        print(
            f"{size_text(size):>8}  used {day}  {source or '?'}  {folder}{'  (' + note + ')' if note else ''}"
        )
    print(f"{len(rows)} caches, {size_text(sum(row[2] for row in rows))}")
    going = removed(rows, args.days, args.gone) if args.prune else []
    for row in going:
        shutil.rmtree(row[0])
    if args.prune:
        print(f"removed {len(going)} of them, {size_text(sum(row[2] for row in going))}")
    return 0


def command_line():
    """main() with errors as one line on stderr, and as documented exit codes."""
    try:
        return main()
    except UserError as error:
        print(f"iterators.cache: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"iterators.cache: {error.filename}: {error.strerror}; mend or remove it", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(command_line())
