#!/usr/bin/env python3
"""Verifies an exported access log of tsunagu. Needs Python 3.8 or later and nothing else; shares no code with the gateway.

    verify.py FOLDER --key VKEY [--witness VKEY]... [--quorum N] [--earlier FILE]...
    verify.py FILE.tlog-proof --key VKEY [--witness VKEY]... [--quorum N]

FOLDER holds `checkpoint`, `tile/…` (C2SP tlog-tiles) and `payload/…` (what opens the entries). Earlier checkpoints, kept by whoever checks, must be
the beginning of this log. Exit code 0 when everything holds, 1 when something is wrong, 2 when the arguments are.
"""

import argparse
import base64
import hashlib
import json
import os
import sys

WIDTH = 256
LOG_KEY, WITNESS_KEY = 1, 4


class Wrong(Exception):
    """Something does not hold; the text says what."""


# --- Ed25519 (RFC 8032, 5.1), verification only -------------------------------------------------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)


def add(a, b):
    """Sum of two points in extended coordinates (x, y, z, t)."""
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def same_point(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def point(data):
    """The point of 32 bytes, None when they encode none."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_1 % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signed(public, message, signature):
    """Whether the signature is of this message and key."""
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r = point(public), point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    k = int.from_bytes(digest, "little") % ORDER
    return same_point(times(s, BASE), add(r, times(k, a)))


# --- C2SP signed-note, tlog-checkpoint, tlog-cosignature ----------------------------------------------------------------------------------------


def decode(text):
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise Wrong("base64 is damaged") from None


class Key:
    """A public key: name, key id and 32 bytes, of a log or of a witness."""

    def __init__(self, text, kind):
        name, plus, rest = text.strip().partition("+")
        number, plus, encoded = rest.partition("+")
        data = decode(encoded) if plus else b""
        if not name or len(data) != 33 or data[0] != kind:
            raise Wrong("not a key of the expected kind: " + text)
        self.name, self.public = name, data[1:]
        self.id = hashlib.sha256(name.encode() + b"\n" + data).digest()[:4]
        if self.id.hex() != number:
            raise Wrong("the id of the key does not match: " + text)


def parts(note):
    """Text and signature lines of a note."""
    text, gap, lines = note.rpartition("\n\n")
    if not gap or not lines.endswith("\n"):
        raise Wrong("not a signed note")
    signatures = []
    for line in lines[:-1].split("\n"):
        words = line.split(" ")
        if len(words) != 3 or words[0] != "\u2014":
            raise Wrong("a signature line is damaged")
        data = decode(words[2])
        if len(data) < 5:
            raise Wrong("a signature is too short")
        signatures.append((words[1], data[:4], data[4:]))
    return text + "\n", signatures


def number(text):
    if not text.isascii() or not text.isdigit() or str(int(text)) != text:
        raise Wrong("not a number: " + repr(text))
    return int(text)


def open_checkpoint(note, key):
    """Size and root of a checkpoint that the log signed."""
    text, signatures = parts(note)
    mine = [data for name, id, data in signatures if (name, id) == (key.name, key.id)]
    if not mine:
        raise Wrong("the checkpoint is not signed by the key")
    if not all(signed(key.public, text.encode(), data) for data in mine):
        raise Wrong("the signature of the log does not match")
    lines = text.split("\n")
    if len(lines) < 4 or lines[0] != key.name:
        raise Wrong("not a checkpoint of this log")
    root = decode(lines[2])
    if len(root) != 32:
        raise Wrong("the root is no hash")
    return number(lines[1]), root


def cosigned(note, witnesses):
    """The names of the witnesses that cosigned; a wrong cosignature is an error."""
    text, signatures = parts(note)
    names = []
    for witness in witnesses:
        mine = [data for name, id, data in signatures if (name, id) == (witness.name, witness.id)]
        for data in mine:
            time = int.from_bytes(data[:8], "big")
            message = "cosignature/v1\ntime %d\n%s" % (time, text)
            if not signed(witness.public, message.encode(), data[8:]):
                raise Wrong("the cosignature of %s is wrong" % witness.name)
        if mine:
            names.append(witness.name)
    return names


def check_quorum(note, witnesses, quorum):
    names = cosigned(note, witnesses)
    if len(names) < quorum:
        raise Wrong("%d witnesses cosigned, %d are needed" % (len(names), quorum))
    return names


# --- RFC 6962 -----------------------------------------------------------------------------------------------------------------------------------


def leaf_hash(leaf):
    return hashlib.sha256(b"\0" + leaf).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


class Range:
    """The perfect subtrees of the leaves so far, from left to right."""

    def __init__(self):
        self.stack = []

    def push(self, hash):
        height = 0
        while self.stack and self.stack[-1][0] == height:
            hash = node_hash(self.stack.pop()[1], hash)
            height += 1
        self.stack.append((height, hash))

    def root(self):
        if not self.stack:
            return hashlib.sha256(b"").digest()
        root = self.stack[-1][1]
        for _, left in reversed(self.stack[:-1]):
            root = node_hash(left, root)
        return root


def included(index, size, leaf, path, root):
    """RFC 9162, 2.1.3.2."""
    if index >= size:
        return False
    node, last = index, size - 1
    for sibling in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            leaf = node_hash(sibling, leaf)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            leaf = node_hash(leaf, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and leaf == root


# --- Entries ------------------------------------------------------------------------------------------------------------------------------------


class Entry:
    """What an entry of the tree says, given what is kept beside it."""

    def __init__(self, leaf, payload):
        self.about, self.erased, self.statement = 0, 0, None
        if leaf[32:39] == b'{"v":1,':
            if payload:
                raise Wrong("something is kept beside an entry of the first version")
            first = json.loads(leaf[32:])
            self.statement, self.about = first["access"], len(first["access"]["subjects"])
            return
        if len(leaf) != 33 or leaf[0] != 2:
            raise Wrong("an entry of an unknown version")
        if not payload:
            self.erased = 1
            return
        count = int.from_bytes(payload[:2], "big")
        said = payload[2 + 33 * count :]
        if len(said) <= 16:
            raise Wrong("what is kept beside an entry is too short")
        commitment = hashlib.sha256(payload[:2])
        for place in range(2, 2 + 33 * count, 33):
            kind, person = payload[place], payload[place + 1 : place + 33]
            if kind not in (0, 1):
                raise Wrong("a person of an unknown kind")
            commitment.update(hashlib.sha256(person).digest() if kind else person)
            self.about += kind
        commitment.update(said)
        if commitment.digest() != leaf[1:]:
            raise Wrong("what is kept beside an entry is not what it commits to")
        self.statement = json.loads(said[16:])
        self.erased = 1 if self.about < count else 0

    def erasures(self):
        """How many entries this one says were erased."""
        said = self.statement or {}
        erasure = said.get("reason") == "erasure" and said.get("types") == ["urn:tsunagu:type:AuditEntry"]
        return said["count"] if erasure else 0


def bundle(data):
    entries, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        entries.append(data[at + 2 : at + 2 + length])
        at += 2 + length
    if at != len(data):
        raise Wrong("a bundle ends in the middle of an entry")
    return entries


# --- The folder ---------------------------------------------------------------------------------------------------------------------------------


def place(index, width):
    groups = ["%03d" % (index % 1000)]
    while index >= 1000:
        index //= 1000
        groups.insert(0, "x%03d" % (index % 1000))
    path = os.path.join(*groups)
    return path if width == WIDTH else os.path.join(path + ".p", str(width))


def places(count):
    for index in range(count // WIDTH):
        yield index, WIDTH
    if count % WIDTH:
        yield count // WIDTH, count % WIDTH


def read(folder, *path):
    try:
        with open(os.path.join(folder, *path), "rb") as file:
            return file.read()
    except OSError:
        raise Wrong(os.path.join(folder, *path) + " cannot be read") from None


def check_files(folder, size):
    """Nothing but the files of a log of this size."""
    known, level, hashes = set(), 0, size
    for index, width in places(size):
        known.add(os.path.join("tile", "entries", place(index, width)))
        known.add(os.path.join("payload", place(index, width)))
    while hashes:
        for index, width in places(hashes):
            known.add(os.path.join("tile", str(level), place(index, width)))
        level, hashes = level + 1, hashes // WIDTH
    for top in ("tile", "payload"):
        for here, _, names in os.walk(os.path.join(folder, top)):
            for name in names:
                path = os.path.relpath(os.path.join(here, name), folder)
                if path not in known:
                    raise Wrong(path + " does not belong to the signed log")


def text_of(data):
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Wrong("a checkpoint is no text") from None


def verify_folder(folder, key, witnesses, quorum, earlier):
    note = text_of(read(folder, "checkpoint"))
    size, root = open_checkpoint(note, key)
    names = check_quorum(note, witnesses, quorum)
    check_files(folder, size)
    marks = {}
    for file in earlier:
        old_size, old_root = open_checkpoint(text_of(read(file)), key)
        if old_size > size:
            raise Wrong("an earlier checkpoint has %d entries, this log %d" % (old_size, size))
        if marks.setdefault(old_size, old_root) != old_root:
            raise Wrong("two checkpoints of %d entries have two roots" % old_size)
    tree, hashes, erased, erasures = Range(), [], 0, 0

    def compare_mark():
        if marks.get(len(hashes), tree.root()) != tree.root():
            raise Wrong("the log is not the continuation of the checkpoint of %d entries" % len(hashes))

    compare_mark()
    for index, width in places(size):
        where = place(index, width)
        leaves = bundle(read(folder, "tile", "entries", where))
        if all(leaf[32:39] == b'{"v":1,' for leaf in leaves) and not os.path.exists(os.path.join(folder, "payload", where)):
            payloads = [b""] * len(leaves)
        else:
            payloads = bundle(read(folder, "payload", where))
        if len(leaves) != width or len(payloads) != width:
            raise Wrong("entries are missing or added at entry %d" % (index * WIDTH))
        for leaf, payload in zip(leaves, payloads):
            hashes.append(leaf_hash(leaf))
            tree.push(hashes[-1])
            try:
                entry = Entry(leaf, payload)
                erased, erasures = erased + entry.erased, erasures + entry.erasures()
            except (Wrong, ValueError, KeyError, TypeError) as error:
                raise Wrong("entry %d: %s" % (len(hashes) - 1, error)) from None
            if len(hashes) in marks:
                compare_mark()
    if tree.root() != root:
        raise Wrong("the entries do not give the signed root")
    if erased > erasures:
        raise Wrong("%d entries are erased, but only %d erasures are on record" % (erased, erasures))
    level = 0
    while hashes:
        above = []
        for index, width in places(len(hashes)):
            expected = hashes[index * WIDTH : index * WIDTH + width]
            if read(folder, "tile", str(level), place(index, width)) != b"".join(expected):
                raise Wrong("a tile of level %d does not follow from below" % level)
            if width == WIDTH:
                part = Range()
                for hash in expected:
                    part.push(hash)
                above.append(part.root())
        level, hashes = level + 1, above
    witnessed = ", cosigned by " + ", ".join(names) if names else ""
    return "the log %s is whole: %d entries (%d erased, on record)%s" % (key.name, size, erased, witnessed)


def verify_proof(text, key, witnesses, quorum):
    head, gap, note = text.partition("\n\n")
    lines = head.split("\n")
    if not gap or lines.pop(0) != "c2sp.org/tlog-proof@v1":
        raise Wrong("not a tlog-proof")
    if not lines or not lines[0].startswith("extra "):
        raise Wrong("the proof does not carry its entry")
    stored = decode(lines.pop(0)[len("extra ") :])
    if not lines or not lines[0].startswith("index "):
        raise Wrong("not a tlog-proof")
    index, path = number(lines[0][len("index ") :]), [decode(line) for line in lines[1:]]
    size, root = open_checkpoint(note, key)
    check_quorum(note, witnesses, quorum)
    first = stored[32:39] == b'{"v":1,'
    leaf, payload = (stored, b"") if first else (stored[:33], stored[33:])
    if any(len(hash) != 32 for hash in path) or not included(index, size, leaf_hash(leaf), path, root):
        raise Wrong("the entry is not in the log at this place")
    said = Entry(leaf, payload).statement
    return "entry %d of %s, of %d: %s" % (index, key.name, size, json.dumps(said, ensure_ascii=False))


def main():
    arguments = argparse.ArgumentParser(description="Verifies an exported access log or one proof, offline.")
    arguments.add_argument("what", help="the exported folder, or a .tlog-proof file")
    arguments.add_argument("--key", required=True, help="public key of the log")
    arguments.add_argument("--witness", action="append", default=[], help="public key of a witness")
    arguments.add_argument("--quorum", type=int, default=None, help="how many witnesses must have cosigned; all by default")
    arguments.add_argument("--earlier", action="append", default=[], help="file with a checkpoint kept before")
    given = arguments.parse_args()
    try:
        key = Key(given.key, LOG_KEY)
        witnesses = [Key(text, WITNESS_KEY) for text in given.witness]
    except Wrong as error:
        arguments.error(str(error))
    quorum = len(witnesses) if given.quorum is None else given.quorum
    try:
        if os.path.isdir(given.what):
            print(verify_folder(given.what, key, witnesses, quorum, given.earlier))
        else:
            print(verify_proof(text_of(read(given.what)), key, witnesses, quorum))
    except (Wrong, ValueError, KeyError, TypeError) as error:
        print("does not hold: %s" % error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
