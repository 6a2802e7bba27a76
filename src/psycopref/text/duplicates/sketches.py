"""Bounds on how alike texts are, of one text and thousands of others at once: what cannot reach a
similarity is left out before it is compared.

Two of them, both exact as bounds. The parity of the shingles in each of some hundred bits (the
bitmap filter of Sandes, Teodoro and Melo, 2020): where two texts' bits differ, their sets do, so
the bits that differ are at most the shingles that only one of the two has. And the shingles as
numbers of 16 bits: those of one text that occur in the other are at least the shingles that both
have.
"""

import numpy as np
import numpy.typing as npt

from psycopref.text.duplicates.shingling import Hashed, Places

_WORDS = (4, 64)  # least and most words of 64 bits of a text's parities
_SPARSE = 3  # bits a shingle: with fewer, differences cancel
_MADE = 4000  # texts whose sketches are made together
SLACK = 1e-9  # rounding must not leave out a pair


class Sketches:
    """The parities (words, texts) and short shingles of texts by their row; made when they are
    first asked for, in order.

    About 32 bytes a text and 2 a shingle, or three bits more a shingle where texts are long.
    """

    def __init__(self, texts: Hashed) -> None:
        self._texts, self._made = texts, 0
        count = len(texts.offsets) - 1
        words = int(len(texts.tokens) / max(count, 1) * _SPARSE) // 64 + 1
        words = 1 << (min(max(words, _WORDS[0]), _WORDS[1]) - 1).bit_length()
        self._parities_WN = np.empty((words, count), np.uint64)
        self._short = np.empty(len(texts.tokens), np.uint16)
        self._ends = np.zeros(count + 1, np.int64)
        self._mark = np.zeros(1 << 16, bool)

    def sizes(self, rows: Places) -> Places:
        """The shingles of each, every one once."""
        out: Places = self._ends[rows + 1] - self._ends[rows]
        return out

    def apart(self, row: int, rows: Places | slice) -> npt.NDArray[np.uint16]:
        """For each of the rows at most as many as the shingles that only it or only `row` has."""
        self._upto(row)
        own = self._parities_WN[:, row]
        out = np.zeros(len(self._parities_WN[0, rows]), np.uint16)
        for word, others in zip(own, self._parities_WN, strict=True):
            out += np.bitwise_count(others[rows] ^ word)
        return out

    def within(
        self, row: int, rows: Places, apart: npt.NDArray[np.uint16], threshold: float
    ) -> Places:
        """Those of the rows that may reach a Jaccard similarity, by their sizes and how far `apart`
        they are.
        """
        own = int(self._ends[row + 1] - self._ends[row])
        near = (
            apart <= (1 - threshold) / (1 + threshold) * 2 * own / threshold + SLACK
        )  # the largest that fits has own / threshold
        rows, apart = rows[near], apart[near]
        sizes = self.sizes(rows)
        fits = (sizes >= threshold * own - SLACK) & (sizes <= own / threshold + SLACK)
        fits &= apart <= (1 - threshold) / (1 + threshold) * (own + sizes) + SLACK
        out: Places = rows[fits]
        return out

    def sharing(self, row: int, rows: Places, threshold: float) -> Places:
        """Those of the rows that may reach a Jaccard similarity, by how many short shingles they
        share.
        """
        own = self._short[self._ends[row] : self._ends[row + 1]]
        lengths = self.sizes(rows)
        ends = lengths.cumsum()
        at = np.repeat(self._ends[rows] - ends + lengths, lengths) + np.arange(
            ends[-1] if len(ends) else 0
        )
        self._mark[own] = True
        shared = (
            np.add.reduceat(self._mark[self._short[at]], ends - lengths, dtype=np.int64)
            if len(rows)
            else ends
        )
        self._mark[own] = False
        out: Places = rows[shared >= threshold / (1 + threshold) * (len(own) + lengths) - SLACK]
        return out

    def _upto(self, row: int) -> None:
        while self._made <= row:
            last = min(self._made + _MADE, len(self._ends) - 1)
            self._make(self._made, last)
            self._made = last

    def _make(self, first: int, last: int) -> None:
        offsets = self._texts.offsets[first : last + 1]
        tokens, texts = (
            self._texts.tokens[offsets[0] : offsets[-1]],
            np.repeat(np.arange(last - first), np.diff(offsets)),
        )
        order = np.lexsort((tokens, texts))
        tokens, texts = tokens[order], texts[order]
        once = np.ones(len(tokens), bool)
        once[1:] = (tokens[1:] != tokens[:-1]) | (texts[1:] != texts[:-1])
        tokens, texts = tokens[once], texts[once]
        self._ends[first + 1 : last + 1] = (
            self._ends[first] + np.bincount(texts, minlength=last - first).cumsum()
        )
        self._short[self._ends[first] : self._ends[last]] = (tokens >> np.uint64(16)).astype(
            np.uint16
        )
        bits = 64 * len(self._parities_WN)
        at = texts * bits + (tokens & np.uint64(bits - 1)).astype(np.int64)
        odd = (np.bincount(at, minlength=(last - first) * bits) & 1).astype(np.uint8)
        self._parities_WN[:, first:last] = (
            np.packbits(odd).view(np.uint64).reshape(last - first, -1).T
        )
