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
exact types only and calls methods of built-in types only, so that no method of the
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

# Everything used while encoding, bound now: the program may replace these names in
# `builtins`.
_type, _id, _len, _all, _map, _iter, _next = type, id, len, all, map, iter, next
_issubclass, _repr, _str, _int, _float = issubclass, repr, str, int, float
_bool, _bytes, _complex, _list, _tuple = bool, bytes, complex, list, tuple
_dict, _set, _frozenset, _bytearray = dict, set, frozenset, bytearray
_none, _array, _is, _repeat = type(None), array, is_, repeat
_BaseException, _OverflowError = BaseException, OverflowError
_UnicodeEncodeError, _ValueError = UnicodeEncodeError, ValueError
_type_name = type.__dict__["__name__"].__get__
_bit_length, _to_bytes, _from_bytes = int.bit_length, int.to_bytes, int.from_bytes
_encode, _join = str.encode, b"".join
_ALL = slice(None)
# In this order: bool is an int.
_BASES = (bool, int, str, float, list, tuple, dict, set, frozenset, bytes, bytearray, complex)


class TooLarge(Exception):
    """The encoded value is longer than the limit."""


def encode(value, limit):
    """`value` as bytes. Raises `TooLarge` beyond `limit` bytes."""
    parts = []
    size = 0
    stack = [_iter((value,))]
    open_ids = []
    while stack:
        item = _next(stack[-1], stack)
        if item is stack:
            del stack[-1]
            if open_ids:
                del open_ids[-1]
            continue
        base = _base(_type(item))
        part = _scalar(base, item)
        if part is None:
            tag, items = _contents(base, item)
            if tag is None:
                part = _opaque(item)
            elif _len(stack) > MAX_DEPTH or _id(item) in open_ids:
                part = b"O" + _text(_type_name(_type(item))) + _text("...")
            else:
                count = _len(items)
                if count >= PACK_FROM and base is not _dict:
                    part = _packed(tag, items)
                if part is None:
                    part = tag + _u32(count // 2 if base is _dict else count)
                    stack += (_iter(items),)
                    open_ids += (_id(item),)
        size += _len(part)
        if size > limit:
            raise TooLarge
        parts += (part,)
    return _join(parts)


def _base(kind):
    for base in _BASES:
        if kind is base:
            return base
    for base in _BASES:
        if _issubclass(kind, base):
            return base
    return kind


def _scalar(base, value):
    """The encoding of a value that holds no others, or None."""
    if base is _str:
        return _text(_str.__str__(value))
    if base is _int:
        return _integer(_int.__index__(value))
    if base is _bool:
        return b"T" if value else b"F"
    if base is _float:
        return b"f" + _f64(_float.__float__(value))
    if base is _none:
        return b"N"
    if base is _bytes:
        raw = _bytes.__getitem__(value, _ALL)
        return b"b" + _u32(_len(raw)) + raw
    if base is _bytearray:
        raw = _bytearray.__getitem__(value, _ALL)
        return b"b" + _u32(_len(raw)) + raw
    if base is _complex:
        number = _complex.__complex__(value)
        return b"c" + _c128(number.real, number.imag)
    return None


def _contents(base, value):
    """Tag and a copy of the items of a container, or (None, None)."""
    if base is _list:
        return b"l", _list.__getitem__(value, _ALL)
    if base is _tuple:
        return b"t", _tuple.__getitem__(value, _ALL)
    if base is _dict:
        flat = []
        for pair in _dict.items(value):
            flat += pair
        return b"d", flat
    if base is _set:
        return b"e", _list(_set.__iter__(value))
    if base is _frozenset:
        return b"z", _list(_frozenset.__iter__(value))
    return None, None


def _packed(tag, items):
    """The items as one block if they are all of one kind, else None."""
    first = _type(items[0])
    if first is not _int and first is not _float and first is not _str:
        return None
    if not _all(_map(_is, _map(_type, items), _repeat(first))):
        return None
    head = b"p" + tag
    count = _u32(_len(items))
    if first is _int:
        try:
            return head + b"q" + count + _array("q", items).tobytes()
        except _OverflowError:
            return None
    if first is _float:
        return head + b"d" + count + _array("d", items).tobytes()
    try:
        raws = _list(_map(_encode, items))
    except _UnicodeEncodeError:
        return None
    return head + b"s" + count + _array("I", _map(_len, raws)).tobytes() + _join(raws)


def _text(text):
    try:
        raw = _encode(text)
    except _UnicodeEncodeError:
        raw = _encode(text, "utf-32-le", "surrogatepass")
        return b"u" + _u32(_len(raw) // 4) + raw
    return b"s" + _u32(_len(raw)) + raw


def _integer(number):
    if -0x8000000000000000 <= number <= 0x7FFFFFFFFFFFFFFF:
        return b"i" + _i64(number)
    sign, magnitude = (b"\1", -number) if number < 0 else (b"\0", number)
    raw = _to_bytes(magnitude, (_bit_length(magnitude) + 7) // 8, "little")
    return b"I" + sign + _u32(_len(raw)) + raw


def _opaque(value):
    try:
        shown = _str.__str__(_repr(value))[:REPR_LENGTH]
    except _BaseException:
        shown = "<repr() failed>"
    return b"O" + _text(_type_name(_type(value))) + _text(shown)


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
        magnitude = _from_bytes(data[at + 5 : end], "little")
        return (-magnitude if data[at] else magnitude), end
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
