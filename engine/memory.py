"""How the process keeps its memory."""

import ctypes
import os

# of malloc.h
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8


def keep_freed():
    """Lets glibc's malloc keep freed memory for the next step; returns whether it does so now.

    By default large blocks come from the system and return to it each time. The system clears each of their
    pages before they are used again, which takes longer than one pass over them. If freed memory is kept, a
    step gets the blocks of the step before it, and the process stays at its peak. There is one arena, so that
    threads can use what other threads freed. Call it before other threads start. Does nothing with another
    libc, or if the environment has its own settings (MALLOC_..., GLIBC_TUNABLES).
    """
    if "CS_GNU_LIBC_VERSION" not in getattr(os, "confstr_names", {}) or any(
        name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ
    ):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all([mallopt(M_MMAP_MAX, 0), mallopt(M_TRIM_THRESHOLD, -1), mallopt(M_ARENA_MAX, 1)])
