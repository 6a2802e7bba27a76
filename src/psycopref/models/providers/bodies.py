"""Bodies of answers, read to a bound: what a server sends, or what unpacks from it, must not fill
the memory.
"""

import zlib

import aiohttp

LARGEST = 64 * 1024 * 1024  # bytes; the longest answers of today have some hundred kilobytes
_PACKED = ("gzip", "x-gzip", "deflate")


class TooLarge(Exception):
    """A body that is longer than LARGEST, or packed in a way that nobody asked for."""


async def whole(response: aiohttp.ClientResponse, largest: int = LARGEST) -> bytes:
    """The body as it was before it was packed; TooLarge where it has over `largest` bytes, packed
    or not.
    """
    packed = bytearray()
    async for part in response.content.iter_any():
        packed += part
        if len(packed) > largest:
            raise TooLarge(_says(largest))
    how = response.headers.get("Content-Encoding", "identity").strip().lower()
    if how in ("", "identity"):
        return bytes(packed)
    if how not in _PACKED:
        raise TooLarge("an answer packed in a way that was not asked for; check `url`")
    return _unpacked(bytes(packed), largest)


def _unpacked(packed: bytes, largest: int) -> bytes:
    # 32 more than the window's 15 bits: the header says whether it is gzip or zlib. Some servers
    # send deflate without any header.
    for bits in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):
        unpacking = zlib.decompressobj(bits)
        try:
            body = unpacking.decompress(packed, largest)
        except zlib.error:
            continue
        if unpacking.unconsumed_tail:
            raise TooLarge(_says(largest))
        return body
    raise TooLarge("an answer that is not packed as its header says; check `url`")


def _says(largest: int) -> str:
    return f"an answer of over {largest // 2**20} MiB, which no chat completion has; check `url`"
