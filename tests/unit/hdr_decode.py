"""Decodes a file in HdrHistogram's log format (version 1.3, V2 encoding), written from
the description of the format and not from the writer that it is to check.

    hdr_decode.py FILE      prints one line per interval: start, length, max, and then
                            count:lowest:highest of each bucket that is not empty
"""

import base64
import struct
import sys
import zlib


def zigzag(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        if shift == 56:  # the ninth byte is whole
            value |= byte << shift
            break
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return (value >> 1) ^ -(value & 1), at


def counts_of(payload):
    at = index = 0
    while at < len(payload):
        count, at = zigzag(payload, at)
        if count < 0:
            index -= count
            continue
        if count > 0:
            yield index, count
        index += 1


def bounds(index, digits):
    """The lowest and highest value of a bucket, from the definition of the layout."""
    linear = 1
    while linear < 2 * 10**digits:
        linear *= 2
    width, low = 1, index
    while low >= linear:  # each doubling has half as many buckets, twice as wide
        low -= linear // 2
        width *= 2
    return low * width, low * width + width - 1


def decode(text):
    data = base64.b64decode(text, validate=True)
    cookie, length = struct.unpack_from(">II", data)
    assert cookie == 0x1C849314, hex(cookie)
    assert length == len(data) - 8
    plain = zlib.decompress(data[8:])
    cookie, length, offset, digits, lowest, highest, ratio = struct.unpack_from(">IIIIQQd", plain)
    assert cookie == 0x1C849313, hex(cookie)
    assert (offset, lowest, ratio) == (0, 1, 1.0)
    assert length == len(plain) - 40
    return [(count, *bounds(index, digits)) for index, count in counts_of(plain[40:])], highest


def intervals(lines):
    for line in lines:
        if line.startswith(("#", '"')):
            continue
        start, length, largest, payload = line.rstrip("\n").split(",")
        yield float(start), float(length), float(largest), decode(payload)


# One value, 42, as another implementation wrote it: this decoder reads what others write.
FOREIGN = "HISTFAAAAB542pNpmSzMwMDAxAABzFCaEUoz2X+AMIKZAEARAtM="


def main():
    assert decode(FOREIGN)[0] == [(1, 42, 42)]
    with open(sys.argv[1], encoding="ascii") as file:
        lines = file.readlines()
    assert "#[Histogram log format version 1.3]\n" in lines, lines[:3]
    assert any(line.startswith("#[StartTime: ") for line in lines), lines[:3]
    for start, length, largest, (buckets, highest) in intervals(lines):
        assert all(low <= highest for _, low, _ in buckets)
        print(start, length, largest, *(":".join(map(str, bucket)) for bucket in buckets))


if __name__ == "__main__":
    main()
