"""What images there are: files below a folder, or members of a zip; how they are told apart from others, and
what is left out."""

import collections
import functools
import hashlib
import os
import re
import stat
import struct
import zipfile

import numpy as np

from engine.console import counted
from engine.errors import MissingError

EXTENSIONS = set(
    ".png .jpg .jpeg .jpe .jfif .bmp .dib .gif .webp .tif .tiff .ppm .pgm .pbm .pnm .avif .avifs .jp2 .j2k "
    ".j2c .jpc .jpx .tga .icb .vda .vst".split()
)
TGA = {".tga", ".icb", ".vda", ".vst"}  # their format has no first bytes of its own
# what usually lies beside images; such a file is no image, and its first bytes are not looked at
BESIDE = set(
    ".txt .md .rst .csv .tsv .json .jsonl .xml .html .htm .yaml .yml .py .sh .log .mat .npy .npz .pt .pth "
    ".pkl .db .ini .zip "
    ".tar .gz .pdf .eps .ps .wmf .emf .svg .doc .docx .url .lst .cfg .toml .lmdb .mdb .parquet .arrow".split()
)
FIRST_BYTES = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|BM.{4}\0\0\0\0|RIFF.{4}WEBP|II\*\0|MM\0\*|P[1-6][ \t\r\n]"
    rb"|\0\0\0.ftypavi[fs]|\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
    re.DOTALL,
)
LARGEST_FILE = 2**30  # bytes of one encoded image; a larger one is a mistake, or would take all memory
INODE = 2**63 - 1  # what an int64 holds of it


def extension(name):
    """The extension of a file's name in lower case, with its dot; "" where what follows the last dot is not
    one."""
    end = os.path.splitext(name)[1].lower()
    return end if re.fullmatch(r"\.[a-z][a-z0-9]{0,9}", end) else ""


def hidden(name):
    """Whether a file or folder is hidden, or is what macOS adds to zips."""
    return name.startswith(".") or name == "__MACOSX"


def digest(*facts):
    """The sha256, in hexadecimal, of plain facts."""
    return hashlib.sha256(repr(facts).encode("utf8", "surrogateescape")).hexdigest()


class Listing:
    """Named files: their facts without opening any of them.

    key: a digest of names, sizes and times of change. identity: a digest of paths, sizes, times of change and
    of status, and inodes (not of the device, which differs between mounts of one share): where it is the
    same, no file was changed or replaced. names: paths relative to root. stats: (size, mtime_ns, ctime_ns,
    inode) of each.
    """

    def __init__(self, root, names, stats, more=()):
        self.root = root
        joined = "\0".join([*names, "", *more]).encode("utf8", "surrogateescape")
        facts = np.array(stats, np.int64).reshape(len(stats), 4)
        weak = hashlib.sha256(joined)
        weak.update(np.ascontiguousarray(facts[:, :2]))
        strong = hashlib.sha256(os.path.abspath(root).encode("utf8", "surrogateescape") + b"\0" + joined)
        strong.update(facts)
        self.key, self.identity = weak.hexdigest(), strong.hexdigest()


def listing(root, paths):
    """The Listing of files given by their paths."""
    stats = [(s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino & INODE) for s in map(os.stat, paths)]
    return Listing(root, [os.path.relpath(path, root) for path in paths], stats)


class Files:
    """The image files below a folder or in a zip.

    names: their paths below it, "/" between the parts, sorted. empty: folders without an image in or below
    them, but also without other files than such as could be images of an unknown kind. left_out: {why:
    [names]}. key, identity: see Listing. read(name): the file's bytes. label(name): what to call it in a
    message.

    Raises MissingError if root is neither a folder nor a zip, or holds under an image's name what is no file
    that can be read. Hidden files are no part of a data set. A link that leads in a circle is left out.
    """

    def __init__(self, root):
        self.root = os.path.abspath(os.path.expanduser(str(root)))
        self.zipped = os.path.isfile(self.root)
        self.left_out = collections.defaultdict(list)
        if not os.path.exists(self.root):
            raise MissingError(
                f"--iterator_args root={root}: no such file or folder; use a folder or a .zip of images"
            )
        if not self.zipped and not os.path.isdir(self.root):
            raise MissingError(
                f"--iterator_args root={root}: {kind_of(os.stat(self.root))}; use a folder or a .zip"
            )
        if self.zipped and not zipfile.is_zipfile(self.root):
            raise MissingError(
                f"--iterator_args root={root}: not a zip, or a damaged one; use a folder or a .zip of images"
            )

    # --- a folder

    @functools.cached_property
    def _walked(self):
        """([(name, stat), ...] of the image files by name, folders without any)."""
        found, empty, todo = [], [], [("", ())]
        while todo:
            below, above = todo.pop()
            path = os.path.join(self.root, below)
            try:
                here = os.stat(path)
                above = (*above, (here.st_dev, here.st_ino))
                entries = list(os.scandir(path))
            except OSError as error:
                raise MissingError(
                    f"{error.filename}: cannot be read ({error.strerror}); mend or remove it"
                ) from None
            n = len(found)
            bare = True  # nothing here but what could be images of an unknown kind
            for entry in entries:
                name = entry.name
                if name[0] == "." or name == "__MACOSX":  # see hidden()
                    continue
                if self._is_folder(entry, above):
                    todo.append((f"{below}{name}/", above))
                    bare = False
                    continue
                end = name[name.rfind(".") :].lower()
                if end not in EXTENSIONS and not self._looks_like_an_image(entry, end):
                    end = extension(name)
                    bare &= end not in BESIDE
                    self.left_out[end].append(below + name)
                    continue
                try:
                    facts = entry.stat()
                except OSError:  # a broken link: reading it will fail, and name it
                    facts = entry.stat(follow_symlinks=False)
                else:
                    if facts.st_mode & 0o170000 != stat.S_IFREG:
                        raise MissingError(f"{entry.path}: {kind_of(facts)}, not an image file; remove it")
                    if facts.st_size > LARGEST_FILE:
                        raise MissingError(too_large(entry.path, facts.st_size))
                found.append(
                    (
                        below + name,
                        (facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino & INODE),
                    )
                )
            if bare and len(found) == n and below:
                empty.append(below[:-1])
        found.sort(key=lambda pair: pair[0])
        return found, sorted(empty)

    def _is_folder(self, entry, above):
        """Whether to look into a folder's entry: not into one that we are in already, which a link leads back
        to."""
        try:
            if not entry.is_dir():
                return False
            if entry.is_symlink():
                there = entry.stat()
                if (there.st_dev, there.st_ino) in above:
                    self.left_out["link in a circle"].append(os.path.relpath(entry.path, self.root))
                    return False
        except OSError:  # a link to itself
            return False
        return True

    def _looks_like_an_image(self, entry, end):
        """By its first bytes; not of files that usually lie beside images."""
        try:
            if end in BESIDE:
                return False
            if not stat.S_ISREG(entry.stat().st_mode):
                return False
            with open(entry.path, "rb") as file:
                return bool(FIRST_BYTES.match(file.read(16)))
        except OSError:
            return False

    # --- a zip

    @functools.cached_property
    def archive(self):
        """The open zip."""
        return zipfile.ZipFile(self.root)

    @functools.cached_property
    def _members(self):
        """({name: member's name in the zip}, folders without images). Some programs wrote backslashes between
        the parts."""
        found, folders, filled = {}, set(), set()
        for member in self.archive.infolist():
            inside = member.filename
            name = inside.replace("\\", "/")
            parts = name.split("/")
            if any(map(hidden, parts)):
                continue
            if name.endswith("/"):
                folders.add(name[:-1])
                continue
            end = extension(name)
            image = end in EXTENSIONS
            if not image and end not in BESIDE:
                try:
                    with self.archive.open(member) as file:
                        image = bool(FIRST_BYTES.match(file.read(16)))
                except Exception:  # encrypted or damaged, of an unknown kind: none that can be read
                    image = False
            folder = name.rpartition("/")[0]
            if image:
                if member.file_size > LARGEST_FILE:
                    raise MissingError(too_large(f"{self.root}:{name}", member.file_size))
                found[name] = inside
            else:
                self.left_out[end].append(name)
            folders.add(folder)
            if image or end in BESIDE:
                filled.add(folder)
        inner = {"/".join(parts[:k]) for parts in (f.split("/") for f in folders) for k in range(len(parts))}
        return found, sorted(folders - filled - inner - {""})

    def _central_directory(self):
        """The bytes that list every member's name, size and CRC-32.

        They are found from the record that ends the file, as zipfile takes half a second to parse 60,000
        members; a zip with a comment or in the zip64 format is left to zipfile.
        """
        with open(self.root, "rb") as file:
            end = file.seek(0, os.SEEK_END) - 22
            file.seek(max(0, end))
            signature, size, offset = struct.unpack("<4s8xII2x", file.read(22))
            if signature == b"PK\x05\x06" and offset + size == end:
                file.seek(offset)
                return file.read(size)
        return repr(
            [(member.filename, member.file_size, member.CRC) for member in self.archive.infolist()]
        ).encode("utf8", "surrogateescape")

    # --- both

    @functools.cached_property
    def names(self):
        """See the class."""
        return sorted(self._members[0]) if self.zipped else [name for name, _ in self._walked[0]]

    @functools.cached_property
    def empty(self):
        """See the class."""
        return (self._members if self.zipped else self._walked)[1]

    @functools.cached_property
    def _listing(self):
        if self.zipped:
            return listing(os.path.dirname(self.root), [self.root])
        found, empty = self._walked
        return Listing(self.root, [name for name, _ in found], [facts for _, facts in found], empty)

    @functools.cached_property
    def key(self):
        """See Listing."""
        return hashlib.sha256(self._central_directory()).hexdigest() if self.zipped else self._listing.key

    @property
    def identity(self):
        """See Listing."""
        return self._listing.identity

    def read(self, name):
        """The bytes of an image file."""
        if self.zipped:
            return self.archive.read(self._members[0][name])
        with open(os.path.join(self.root, name), "rb") as file:
            return file.read()

    def label(self, name):
        """What to call an image file in a message."""
        return f"{self.root}:{name}" if self.zipped else os.path.join(self.root, name)

    def report(self, used=()):
        """One line that counts and names what is left out, or None. used: names of other files that are
        not."""
        self.names  # noqa: B018 (a look at the files fills left_out)
        left = {why: [name for name in names if name not in used] for why, names in self.left_out.items()}
        return report(self.root, {why: names for why, names in left.items() if names})


def report(root, left_out):
    """One line that counts and names what is left out, or None.

    As in "root: left out 9 files that are no images known here: 8 .heic (a.heic, ...), 1 .mov (b.mov)".
    """
    if not left_out:
        return None
    kinds = sorted(left_out.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    named = [
        f"{len(names):,} {kind or 'without extension'} ({min(names)}{', ...' * (len(names) > 1)})"
        for kind, names in kinds
    ]
    more = f" and {len(named) - 5} kinds more" if len(named) > 5 else ""
    n = sum(map(len, left_out.values()))
    return f"{root}: left out {counted(n, 'file')} of other kinds than images: {', '.join(named[:5])}{more}"


def kind_of(facts):
    """What a file is that is neither a regular one nor a folder."""
    kinds = (stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"), (stat.S_ISDIR, "a folder")
    return next((name for test, name in kinds if test(facts.st_mode)), "a device")


def too_large(label, size):
    """The message for an image file above LARGEST_FILE."""
    most = f"{LARGEST_FILE / 2**30:g} GiB"
    return f"{label}: has {size / 2**30:.1f} GiB; an image file may have {most}; remove or shrink it"
