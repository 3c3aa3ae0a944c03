"""Python data as bytes, for both directions between host and guest.

The host's half is `sandbox/src/codec.rs`. A value is a tag byte and its content, numbers
are little-endian:

    N T F                   None, True, False
    i  8 bytes              int that fits in 64 bits
    I  sign, u32 n, n bytes int of any size: 0 or 1 for the sign, then the magnitude
    f  8 bytes              float
    c  16 bytes             complex
    s  u32 n, n bytes       str as UTF-8
    u  u32 n, 4n bytes      str with lone surrogates, as UTF-32
    b  u32 n, n bytes       bytes
    l t e z  u32 n, items   list, tuple, set, frozenset
    d  u32 n, n pairs       dict
    p  tag, kind, u32 n, …  a long list, tuple, set or frozenset whose items are of one
                            kind: q (64-bit ints), d (floats), or s (str: n u32 lengths in
                            bytes, then the text of all)
    O  str, str             anything else: type name and repr

Encoding runs on data that an untrusted program made, after that program ran. It looks at
exact types and calls methods of built-in types, so that no method of the
program runs, with one exception: `repr` of what cannot be encoded. Neither half recurses.
"""

from array import array
from itertools import repeat
from operator import is_
from struct import Struct

# Containers nested deeper than this arrive as opaque.
MAX_DEPTH = 200
# Lists shorter than this are not worth packing.
PACK_FROM = 8
REPR_LENGTH = 200

_u32 = Struct("<I").pack
_i64 = Struct("<q").pack
_f64 = Struct("<d").pack
_c128 = Struct("<dd").pack
_u32_at = Struct("<I").unpack_from
_i64_at = Struct("<q").unpack_from
_f64_at = Struct("<d").unpack_from
_c128_at = Struct("<dd").unpack_from

_NONE = type(None)
_type_name = type.__dict__["__name__"].__get__
_ALL = slice(None)
# How to get plain data of exact types of other packages, by the identity of the type: its
# hash could be a method of the program.
converters = {}
# In this order: bool is an int.
_BASES = (bool, int, str, float, list, tuple, dict, set, frozenset, bytes, bytearray, complex)


# Asking for the hash of a type could run a method of the program.
_BASE_IDS = frozenset(map(id, (*_BASES, _NONE)))


class TooLarge(Exception):
    """The encoded value is longer than the limit."""


def encode(value, limit):
    """`value` as bytes. Raises `TooLarge` beyond `limit` bytes."""
    part = _scalar(_base(type(value)), value)
    if part is not None:
        if len(part) > limit:
            raise TooLarge
        return part
    parts = []
    size = 0
    stack = [iter((value,))]
    open_ids = []
    while stack:
        item = next(stack[-1], stack)
        if item is stack:
            stack.pop()
            if open_ids:
                open_ids.pop()
            continue
        base = _base(type(item))
        part = _scalar(base, item)
        if part is None:
            tag, items = _contents(base, item)
            if tag is None:
                convert = converters.get(id(type(item)))
                if convert is not None:
                    item = convert(item)
                    part = _scalar(_base(type(item)), item)
                if part is None:
                    part = _opaque(item)
            elif len(stack) > MAX_DEPTH or id(item) in open_ids:
                part = b"O" + _text(_type_name(type(item))) + _text("...")
            else:
                count = len(items)
                if count >= PACK_FROM and base is not dict:
                    part = _packed(tag, items)
                if part is None:
                    part = tag + _u32(count // 2 if base is dict else count)
                    stack.append(iter(items))
                    open_ids.append(id(item))
        size += len(part)
        if size > limit:
            raise TooLarge
        parts.append(part)
    return b"".join(parts)


def _base(kind):
    if id(kind) in _BASE_IDS:
        return kind
    for base in _BASES:
        if issubclass(kind, base):
            return base
    return kind


def _scalar(base, value):
    """The encoding of a value that holds no others, or None."""
    if base is str:
        return _text(str.__str__(value))
    if base is int:
        return _integer(int.__index__(value))
    if base is bool:
        return b"T" if value else b"F"
    if base is float:
        return b"f" + _f64(float.__float__(value))
    if base is _NONE:
        return b"N"
    if base is bytes:
        raw = bytes.__getitem__(value, _ALL)
        return b"b" + _u32(len(raw)) + raw
    if base is bytearray:
        raw = bytearray.__getitem__(value, _ALL)
        return b"b" + _u32(len(raw)) + raw
    if base is complex:
        number = complex.__complex__(value)
        return b"c" + _c128(number.real, number.imag)
    return None


def _contents(base, value):
    """Tag and a copy of the items of a container, or (None, None)."""
    if base is list:
        return b"l", list.__getitem__(value, _ALL)
    if base is tuple:
        return b"t", tuple.__getitem__(value, _ALL)
    if base is dict:
        flat = []
        for pair in dict.items(value):
            flat += pair
        return b"d", flat
    if base is set:
        return b"e", list(set.__iter__(value))
    if base is frozenset:
        return b"z", list(frozenset.__iter__(value))
    return None, None


def _packed(tag, items):
    """The items as one block if they are all of one kind, else None."""
    first = type(items[0])
    if first is not int and first is not float and first is not str:
        return None
    if not all(map(is_, map(type, items), repeat(first))):
        return None
    head = b"p" + tag
    count = _u32(len(items))
    if first is int:
        try:
            return head + b"q" + count + array("q", items).tobytes()
        except OverflowError:
            return None
    if first is float:
        return head + b"d" + count + array("d", items).tobytes()
    try:
        raws = list(map(str.encode, items))
    except UnicodeEncodeError:
        return None
    return head + b"s" + count + array("I", map(len, raws)).tobytes() + b"".join(raws)


def _text(text):
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        raw = text.encode("utf-32-le", "surrogatepass")
        return b"u" + _u32(len(raw) // 4) + raw
    return b"s" + _u32(len(raw)) + raw


def _integer(number):
    if -0x8000000000000000 <= number <= 0x7FFFFFFFFFFFFFFF:
        return b"i" + _i64(number)
    sign, magnitude = (b"\1", -number) if number < 0 else (b"\0", number)
    raw = magnitude.to_bytes((magnitude.bit_length() + 7) // 8, "little")
    return b"I" + sign + _u32(len(raw)) + raw


def _opaque(value):
    try:
        shown = str.__str__(repr(value))[:REPR_LENGTH]
    except BaseException:
        shown = "<repr() failed>"
    return b"O" + _text(_type_name(type(value))) + _text(shown)


class ObjectOfTheProgram:
    """What a tester holds of an object that is no plain data: it equals only itself."""

    __slots__ = ("_type_name", "_text")

    def __init__(self, type_name, text):
        self._type_name = type_name
        self._text = text

    def __repr__(self):
        return self._text


def decode(data):
    """The value that `data`, made by the host, encodes."""
    at = 0
    # One (tag, items left, items so far) for each container that is still open.
    stack = []
    while True:
        tag = data[at : at + 1]
        at += 1
        left = 0
        if tag in b"ltezd":
            left = _u32_at(data, at)[0]
            at += 4
            value = []
            if tag == b"d":
                left *= 2
        elif tag == b"p":
            tag = data[at : at + 1]
            value, at = _unpacked(data, at + 1)
        else:
            value, at = _decoded_scalar(tag, data, at)
            tag = b""
        if left:
            stack.append([tag, left, value])
            continue
        while True:
            value = _closed(tag, value)
            if not stack:
                return value
            top = stack[-1]
            top[2].append(value)
            top[1] -= 1
            if top[1]:
                break
            tag, _, value = stack.pop()


def _closed(tag, items):
    if tag == b"t":
        return tuple(items)
    if tag == b"e":
        return set(items)
    if tag == b"z":
        return frozenset(items)
    if tag == b"d":
        return dict(zip(items[::2], items[1::2]))
    return items


def _unpacked(data, at):
    kind = data[at : at + 1]
    count = _u32_at(data, at + 1)[0]
    at += 5
    if kind == b"s":
        lengths = array("I", data[at : at + 4 * count])
        at += 4 * count
        items = []
        for length in lengths:
            items.append(data[at : at + length].decode())
            at += length
        return items, at
    end = at + 8 * count
    return array(kind.decode(), data[at:end]).tolist(), end


def _decoded_scalar(tag, data, at):
    if tag == b"N":
        return None, at
    if tag == b"T":
        return True, at
    if tag == b"F":
        return False, at
    if tag == b"i":
        return _i64_at(data, at)[0], at + 8
    if tag == b"f":
        return _f64_at(data, at)[0], at + 8
    if tag == b"c":
        return complex(*_c128_at(data, at)), at + 16
    if tag == b"I":
        end = at + 5 + _u32_at(data, at + 1)[0]
        magnitude = int.from_bytes(data[at + 5 : end], "little")
        return (-magnitude if data[at] else magnitude), end
    if tag == b"O":
        type_name, at = _decoded_scalar(data[at : at + 1], data, at + 1)
        text, at = _decoded_scalar(data[at : at + 1], data, at + 1)
        return ObjectOfTheProgram(type_name, text), at
    count = _u32_at(data, at)[0]
    at += 4
    if tag == b"s":
        return data[at : at + count].decode(), at + count
    if tag == b"b":
        return data[at : at + count], at + count
    if tag == b"u":
        end = at + 4 * count
        return data[at:end].decode("utf-32-le", "surrogatepass"), end
    raise ValueError(f"unknown tag {tag!r}")
