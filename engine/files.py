"""The project's folder, and files that are there whole or not at all."""

import os

PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def write_atomically(path, *parts):
    """Writes the bytes under a temporary name, syncs, and renames: `path` is the old file or the whole new one, at any moment."""
    temporary = f"{path}.tmp{os.getpid()}"
    try:
        with open(temporary, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise
    folder = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY)
    try:
        os.fsync(folder)  # the rename itself
    finally:
        os.close(folder)
