"""Compiled loops over the lines of VCF files: genotypes to packed calls and dosages.

Lines whose FORMAT is ``GT`` alone, with alleles of one digit 0 or 1 in everybody, are read four
bytes at a time without branches; all others sample by sample. Nothing is read beyond the text that
is given, which ends with a line break; what is not understood ends the loop with a code, the line
and the sample. :mod:`.bcf_kernels` has the loops for BCF.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gwasbone.blocks.compiled import compiled
from gwasbone.ranges import Bytes

#: What a loop ended with; anything but DONE and WITH_DOSAGES is a fault.
WITH_DOSAGES = 1
DONE, FEW_COLUMNS, FEW_SAMPLES, MANY_SAMPLES, BAD_POSITION = 0, 10, 11, 12, 13
BAD_CALL, BAD_PLOIDY, BAD_ALLELE, BAD_NUMBER, DOSAGE_COUNT = 14, 15, 16, 17, 18
PROBABILITY_COUNT, BAD_DOSAGE, BAD_PROBABILITIES, HAPLOID_DOSAGE = 19, 20, 21, 22

#: Dosages that are no hard call are further than this from a whole number (PLINK 2's default).
HARD_CALL_DISTANCE = 0.1
#: A missing dosage.
NO_UNITS = 65_535

#: Columns of the table of lines: where the samples start and the line ends, the position, where
#: CHROM, ID, REF, ALT, INFO and FORMAT stand, the number of ALTs, and flags.
SAMPLES, END, POSITION, CHROM, CHROM_END, ID, ID_END, REF, REF_END = range(9)
ALT, ALT_END, INFO, INFO_END, FORMAT, FORMAT_END, N_ALT, FLAGS = range(9, 17)
N_COLUMNS = 17
#: The calls have been read; CHROM, FORMAT are those of the line before; the line is empty.
PLAIN, SAME_CHROM, SAME_FORMAT, BLANK = 1, 2, 4, 8

_TAB, _NEWLINE, _RETURN = 9, 10, 13
_COLON, _COMMA, _DOT, _SLASH, _BAR = 58, 44, 46, 47, 124
_SAMPLES_AT_ONCE = 4_096
#: "0/0" and a tab as one number of 32 bits; what is left of a call, xor this, is small.
_HOM_REF = np.uint32(0x09302F30)
_POWERS = 10.0 ** np.arange(0, 41)


@compiled
def scan_lines(
    text: Bytes, start: int, stop: int, n: int, codes: Bytes, calls: Bytes,
    table: npt.NDArray[np.int64],
) -> tuple[int, int, int]:  # fmt: skip
    """Take lines apart, as many as ``table`` has rows, and read the calls of those that are plain.

    Parameters
    ----------
    codes : (n,) space. calls : (lines, bytes) filled where a line is plain.

    Returns
    -------
    Lines read, where the next one starts, and a code: of the line at that place, if not DONE.
    """
    at, line = start, 0
    while at < stop and line < len(table):
        begin, found = at, 0
        row = table[line]
        row[FLAGS] = 0
        tab = at
        while found < 9:
            c = text[at]
            if c == _NEWLINE:
                break
            if c == _TAB:
                if found == 0:
                    row[CHROM], row[CHROM_END] = begin, at
                elif found == 1:
                    row[ID] = at + 1
                    position = np.int64(0)
                    if at - tab < 2 or at - tab > 11:
                        return line, begin, BAD_POSITION
                    for i in range(tab + 1, at):
                        if text[i] < 48 or text[i] > 57:
                            return line, begin, BAD_POSITION
                        position = position * 10 + np.int64(text[i] - 48)
                    row[POSITION] = position
                elif found == 2:
                    row[ID_END], row[REF] = at, at + 1
                elif found == 3:
                    row[REF_END], row[ALT] = at, at + 1
                elif found == 4:
                    row[ALT_END] = at
                elif found == 6:
                    row[INFO] = at + 1
                elif found == 7:
                    row[INFO_END], row[FORMAT] = at, at + 1
                elif found == 8:
                    row[FORMAT_END], row[SAMPLES] = at, at + 1
                tab = at
                found += 1
            at += 1
        if found < 9:
            if at > begin + 1 or (at == begin + 1 and text[begin] != _RETURN):
                return line, begin, FEW_COLUMNS
            row[FLAGS], row[N_ALT] = BLANK, 0
            line += 1
            at += 1
            continue
        n_alt = 1
        for i in range(row[ALT], row[ALT_END]):
            n_alt += text[i] == _COMMA
        row[N_ALT] = n_alt
        if line:
            row[FLAGS] |= SAME_CHROM * _same(text, table[line - 1], row, CHROM)
            row[FLAGS] |= SAME_FORMAT * _same(text, table[line - 1], row, FORMAT)
        end = at + 4 * n - 1
        plain = row[FORMAT_END] - row[FORMAT] == 2 and text[at - 3] == 71 and text[at - 2] == 84
        if (
            plain
            and n_alt == 1
            and end < stop
            and (text[end] == _NEWLINE or (text[end] == _RETURN and text[end + 1] == _NEWLINE))
            and _plain_calls(text, at, n, codes, calls[line])
        ):
            row[FLAGS] |= PLAIN
            row[END] = end
            at = end + (text[end] == _RETURN)
        else:
            while text[at] != _NEWLINE:
                at += 1
            row[END] = at - (text[at - 1] == _RETURN)
        line += 1
        at += 1
    return line, at, DONE


@compiled
def _same(
    text: Bytes, one: npt.NDArray[np.int64], other: npt.NDArray[np.int64], column: int
) -> bool:
    length = one[column + 1] - one[column]
    if one[FLAGS] & BLANK or other[column + 1] - other[column] != length:
        return False
    same = True
    for k in range(length):
        same = same and text[one[column] + k] == text[other[column] + k]
    return same


@compiled
def _plain_calls(text: Bytes, start: int, n: int, codes: Bytes, packed: Bytes) -> bool:
    """Calls of n samples of three bytes each; False where it is anything else.

    A call xor "0/0" and a tab leaves one bit for each ALT, 0x1E for each ``.`` and 0x53 for ``|``.
    """
    last = n - 1
    for left in range(0, last, _SAMPLES_AT_ONCE):
        count = min(_SAMPLES_AT_ONCE, last - left)
        at = start + 4 * left
        words = text[at : at + 4 * count].view(np.uint32)
        wrong = np.uint32(0)
        for j in range(count):
            w = words[j] ^ _HOM_REF
            # of a missing allele bits 1 to 4 are set, and no other; of others bit 0 at most
            gone = (w >> np.uint32(4)) & np.uint32(0x00010001)
            wrong |= (w & np.uint32(0x00FF00FF)) & ~(
                gone * np.uint32(0x1E) | (~gone & np.uint32(0x00010001))
            )
            wrong |= (w & np.uint32(0x001E001E)) ^ (gone * np.uint32(0x1E))
            bar = (w >> np.uint32(8)) & np.uint32(1)
            wrong |= (w & np.uint32(0xFF00FF00)) ^ (bar * np.uint32(0x5300))
            gone |= gone >> np.uint32(16)
            other = w >> np.uint32(16)
            high = ~(w & other) & ~gone & np.uint32(1)
            low = (~(w | other) | gone) & np.uint32(1)
            codes[left + j] = np.uint8(high + high + low)
        if wrong:
            return False
    at = start + 4 * last
    a, separator, b = text[at], text[at + 1], text[at + 2]
    if separator != _SLASH and separator != _BAR:
        return False
    if (a != 48 and a != 49 and a != _DOT) or (b != 48 and b != 49 and b != _DOT):
        return False
    code = 1
    if a != _DOT and b != _DOT:
        copies = (a == 49) + (b == 49)
        code = 0 if copies == 2 else 3 - copies
    codes[last] = code
    pack_row(codes, n, packed)
    return True


@compiled
def pack_row(codes: Bytes, n: int, packed: Bytes) -> None:
    """Codes (n,) of a pair of bits each, four to a byte."""
    whole = n // 4
    fours = codes[: 4 * whole].view(np.uint32)
    for i in range(whole):
        w = fours[i]
        packed[i] = np.uint8((w | (w >> 6) | (w >> 12) | (w >> 18)) & 255)
    if n > 4 * whole:
        byte = 0
        for j in range(4 * whole, n):
            byte |= np.int64(codes[j]) << (2 * (j - 4 * whole))
        packed[whole] = byte


@compiled
def read_samples(
    text: Bytes, lines: npt.NDArray[np.int64], n: int, fields: npt.NDArray[np.int64],
    on_x: npt.NDArray[np.bool_], most_alleles: int, calls: Bytes,
    dosages: npt.NDArray[np.uint16], tops: npt.NDArray[np.int32], single: Bytes,
    sex: npt.NDArray[np.int64], untold: npt.NDArray[np.float64],
) -> tuple[int, int, int, int]:  # fmt: skip
    """Read lines sample by sample; a line has a row for each alternate allele.

    Arrays are handed to functions once a line: Numba counts their users, which costs more than
    all else where it happens for each sample.

    Parameters
    ----------
    text : with four bytes behind its last line.
    lines : (g, columns) of the table of :func:`scan_lines`.
    fields : (g, 3) place of GT, DS and GP in FORMAT, −1 where absent.
    on_x : (g,) lines on X outside the pseudo-autosomal regions.
    most_alleles : alternate alleles that a line has at most.
    calls : (rows, bytes) filled. dosages : (rows, n) filled, where the file declares any (else no
        rows), in units of which ``tops`` (rows,) make two copies; 0 for rows of calls alone.
    single : (lines on X, bytes) a bit for each sample called with one allele.
    sex : (3, n) counts of calls on X of one allele, of two, and heterozygous ones.
    untold : (n,) the greatest dosage on X of which nothing tells the number of copies.

    Returns
    -------
    A code, and where it is not DONE the line at fault (of these), the sample (−1: the line
    itself) and a number for the message.
    """
    row, x_line, with_dosages = 0, 0, len(dosages) > 0
    starts = np.empty((3, n), np.int64)
    alleles = np.empty((2, n), np.int32)
    copies = np.empty((2, n), np.int8)
    entries = np.empty((most_alleles if with_dosages else 0, n), np.float64)
    codes = np.empty((most_alleles, (n + 3) // 4 * 4), np.uint8)
    for line in range(len(lines)):
        n_alt = lines[line, N_ALT]
        code, sample, got = _take_apart(
            text, lines[line, SAMPLES], lines[line, END], n, fields[line], starts
        )
        if code == DONE:
            code, sample = _read_calls(text, starts[0], alleles, copies)
        if code == DONE and with_dosages:
            code, sample, got = _read_dosages(text, starts, n_alt, entries, copies)
        if code != DONE:
            return code, line, sample, got
        code, sample, got = settle(
            alleles, copies, n_alt, on_x[line], entries, codes, single[x_line : x_line + 1],
            sex, untold,
        )  # fmt: skip
        if code != DONE and code != WITH_DOSAGES:
            return code, line, sample, got
        for k in range(n_alt):
            pack_row(codes[k], n, calls[row])
            tops[row] = 0
            if code == WITH_DOSAGES:
                tops[row] = to_units(entries[k], dosages[row])
            row += 1
        x_line += on_x[line]
    return DONE, 0, 0, 0


@compiled
def _take_apart(
    text: Bytes, at: int, end: int, n: int, fields: npt.NDArray[np.int64],
    starts: npt.NDArray[np.int64],
) -> tuple[int, int, int]:  # fmt: skip
    """Fill starts (3, n) with where GT, DS and GP of each sample stand, −1 where absent."""
    a, b, c = fields[0], fields[1], fields[2]
    for j in range(n):
        starts[0, j], starts[1, j], starts[2, j] = -1, -1, -1
        field = 0
        while True:
            if field == a:
                starts[0, j] = at
            elif field == b:
                starts[1, j] = at
            elif field == c:
                starts[2, j] = at
            byte = text[at]
            while byte > _RETURN and byte != _COLON:
                at += 1
                byte = text[at]
            if byte != _COLON:
                break
            at += 1
            field += 1
        if byte == _TAB:
            if j == n - 1:
                more = 0
                for i in range(at, end):
                    more += text[i] == _TAB
                return MANY_SAMPLES, -1, n + more
            at += 1
        elif at != end:
            return BAD_CALL, j, 0
        elif j < n - 1:
            return FEW_SAMPLES, -1, j + 1
    return DONE, 0, 0


@compiled
def _read_calls(
    text: Bytes, starts: npt.NDArray[np.int64], alleles: npt.NDArray[np.int32],
    copies: npt.NDArray[np.int8],
) -> tuple[int, int]:  # fmt: skip
    """Fill alleles (2, n), −1 missing, and copies (first row), 0 without a call."""
    for j in range(len(starts)):
        at = starts[j]
        copies[1, j] = 0
        if at < 0:
            alleles[0, j], alleles[1, j], copies[0, j] = -1, -1, 0
            continue
        a, b, c, d = text[at], text[at + 1], text[at + 2], text[at + 3]
        known = (48 <= a <= 57) or a == _DOT
        if known and (b <= _RETURN or b == _COLON):
            alleles[0, j], alleles[1, j] = np.int32(a) - 48 if a != _DOT else -1, -1
            copies[0, j] = 1
            continue
        known = known and ((48 <= c <= 57) or c == _DOT) and (d <= _RETURN or d == _COLON)
        if known and b in (_SLASH, _BAR):
            alleles[0, j] = np.int32(a) - 48 if a != _DOT else -1
            alleles[1, j] = np.int32(c) - 48 if c != _DOT else -1
            copies[0, j] = 2
            continue
        alleles[0, j], alleles[1, j], copies[0, j], code = _call(text, at)
        if code != DONE:
            return code, j
    return DONE, 0


@compiled
def _read_dosages(
    text: Bytes, starts: npt.NDArray[np.int64], n_alt: int,
    entries: npt.NDArray[np.float64], copies: npt.NDArray[np.int8],
) -> tuple[int, int, int]:  # fmt: skip
    """Fill entries (alleles, n) from DS, else GP, NaN where neither is there.

    The second row of copies is that of probabilities, 0 where dosages are stated.
    """
    entry = np.empty(n_alt, np.float64)
    numbers = np.empty((n_alt + 1) * (n_alt + 2) // 2, np.float64)
    for j in range(starts.shape[1]):
        at = starts[1, j]
        if at >= 0 and n_alt == 1:
            # the usual form: digits, a point and digits
            mantissa, decimals, i = np.int64(0), 0, at
            while 48 <= text[i] <= 57:
                mantissa = 10 * mantissa + np.int64(text[i] - 48)
                i += 1
            whole = i - at
            if whole and text[i] == _DOT:
                i += 1
                while 48 <= text[i] <= 57:
                    mantissa = 10 * mantissa + np.int64(text[i] - 48)
                    i += 1
                    decimals += 1
            if whole and whole + decimals < 16 and (text[i] <= _RETURN or text[i] == _COLON):
                entries[0, j] = mantissa / _POWERS[decimals]
                continue
        for k in range(n_alt):
            entry[k] = np.nan
        code, count, of_dosage = DONE, 0, 0
        if at >= 0:
            count, code = _numbers(text, at, numbers)
            if code == DONE:
                code = take_dosages(numbers, count, entry, n_alt)
        if starts[2, j] >= 0 and code == DONE and np.isnan(entry.sum()):
            count, code = _numbers(text, starts[2, j], numbers)
            if code == DONE:
                code, of_dosage = take_probabilities(numbers, count, entry, n_alt)
        if code != DONE:
            return code, j, count
        copies[1, j] = of_dosage
        for k in range(n_alt):
            entries[k, j] = entry[k]
    return DONE, 0, 0


@compiled
def _call(text: Bytes, at: int) -> tuple[int, int, int, int]:
    """Two alleles (−1 missing), how many copies there are, and a code."""
    first, second, copies = -1, -1, 0
    if text[at] == _SLASH or text[at] == _BAR:
        at += 1
    while True:
        allele = -1
        if text[at] == _DOT:
            at += 1
        else:
            if text[at] < 48 or text[at] > 57:
                return 0, 0, 0, BAD_CALL
            allele = 0
            while 48 <= text[at] <= 57:
                allele = min(10 * allele + np.int64(text[at] - 48), 1_000_000)
                at += 1
        if copies == 0:
            first = allele
        elif copies == 1:
            second = allele
        else:
            return 0, 0, 0, BAD_PLOIDY
        copies += 1
        c = text[at]
        if c != _SLASH and c != _BAR:
            ends = c in (_COLON, _TAB, _NEWLINE, _RETURN)
            return first, second, copies, DONE if ends else BAD_CALL
        at += 1


@compiled
def _numbers(text: Bytes, at: int, numbers: npt.NDArray[np.float64]) -> tuple[int, int]:
    """Fill numbers with a list, NaN where missing; how many there are, and a code."""
    count = 0
    while True:
        c = text[at]
        if c == _COLON or c <= _RETURN:
            return count, DONE if count == 0 else BAD_NUMBER
        value = np.nan
        after = text[at + 1]
        if c == _DOT and (after < 48 or after > 57):
            at += 1
        else:
            value, at = number(text, at)
            if at < 0:
                return count, BAD_NUMBER
        if count < len(numbers):
            numbers[count] = value
        count += 1
        c = text[at]
        if c == _COLON or c <= _RETURN:
            return count, DONE
        if c != _COMMA:
            return count, BAD_NUMBER
        at += 1


@compiled
def number(text: Bytes, at: int) -> tuple[float, int]:
    """A decimal number (or ``nan``), and where it ends; −1 where it is none."""
    negative = text[at] == 45
    if negative or text[at] == 43:
        at += 1
    if (text[at] | 32) == 110 and (text[at + 1] | 32) == 97 and (text[at + 2] | 32) == 110:
        return np.nan, at + 3
    mantissa, exponent, digits, seen, point = np.int64(0), 0, 0, False, False
    while True:
        c = text[at]
        if 48 <= c <= 57:
            seen = True
            if digits < 18:
                mantissa = mantissa * 10 + np.int64(c - 48)
                digits += mantissa > 0
                exponent -= point
            else:
                exponent += not point
        elif c == _DOT and not point:
            point = True
        else:
            break
        at += 1
    if not seen:
        return np.nan, -1
    if text[at] == 101 or text[at] == 69:
        at += 1
        minus = text[at] == 45
        if minus or text[at] == 43:
            at += 1
        power, some = 0, False
        while 48 <= text[at] <= 57:
            power, some = min(10 * power + np.int64(text[at] - 48), 10_000), True
            at += 1
        if not some:
            return np.nan, -1
        exponent += -power if minus else power
    value = np.float64(mantissa)
    if exponent < 0:
        # divided by a power that is exact
        value = value / _POWERS[-exponent] if exponent >= -40 else 0.0
    elif exponent > 0 and mantissa > 0:
        value = value * _POWERS[exponent] if exponent <= 40 else np.inf
    return -value if negative else value, at


@compiled
def take_dosages(
    numbers: npt.NDArray[np.float64], count: int, entry: npt.NDArray[np.float64], n_alt: int
) -> int:
    """Fill entry (n_alt,) from a list of dosages; a code."""
    if count == 0 or (count == 1 and np.isnan(numbers[0])):
        return DONE
    if count != n_alt:
        return DOSAGE_COUNT
    for k in range(n_alt):
        entry[k] = numbers[k]
    return DONE


@compiled
def take_probabilities(
    numbers: npt.NDArray[np.float64], count: int, entry: npt.NDArray[np.float64], n_alt: int
) -> tuple[int, int]:
    """Fill what is missing of entry (n_alt,) from genotype probabilities; a code, the copies.

    Genotypes are in the order of VCF: of two copies j, k (j at most k) at k (k + 1) / 2 + j.
    """
    if count == 0 or (count == 1 and np.isnan(numbers[0])):
        return DONE, 0
    copies = 1 if count == n_alt + 1 else 2
    if copies == 2 and count != (n_alt + 1) * (n_alt + 2) // 2:
        return PROBABILITY_COUNT, 0
    total, least = 0.0, 0.0
    for i in range(count):
        total += numbers[i]
        least = min(least, numbers[i])
    if np.isnan(total) or total == 0:
        return DONE, 0
    if abs(total - 1) > 0.05 or least < -1e-3:
        return BAD_PROBABILITIES, 0
    for allele in range(1, n_alt + 1):
        if not np.isnan(entry[allele - 1]):
            continue
        expected = 0.0
        if copies == 1:
            expected = 2 * numbers[allele]
        else:
            for k in range(n_alt + 1):
                for j in range(k + 1):
                    expected += ((j == allele) + (k == allele)) * numbers[k * (k + 1) // 2 + j]
        entry[allele - 1] = min(max(expected, 0.0), 2.0)
    return DONE, copies


@compiled
def settle(
    alleles: npt.NDArray[np.int32], copies: npt.NDArray[np.int8], n_alt: int, on_x: bool,
    entries: npt.NDArray[np.float64], codes: Bytes, single: Bytes,
    sex: npt.NDArray[np.int64], untold: npt.NDArray[np.float64],
) -> tuple[int, int, int]:  # fmt: skip
    """The calls and dosages of a line from its alleles and from the dosages that are stated.

    On X a call of which one of two alleles is missing is that of a man, who has one. Dosages of
    one copy count double.

    Parameters
    ----------
    alleles, copies : (2, n) see :func:`_read_calls`, :func:`_read_dosages`.
    entries : (alleles, n) dosages, NaN where none is stated; filled from calls then. Nothing
        where the file has no dosages.
    codes : (alleles, n) filled, as in a .bed.
    single : (1, bytes) bits of those with one allele; (0, bytes) for a line that is not on X.

    Returns
    -------
    WITH_DOSAGES where any was stated, or a code; the sample at fault; a number for the message.
    """
    n, with_dosages, used = alleles.shape[1], len(entries) > 0, False
    if on_x:
        for i in range(single.shape[1]):
            single[0, i] = 0
    for j in range(n):
        first, second, have = alleles[0, j], alleles[1, j], copies[0, j]
        if first > n_alt or second > n_alt:
            return BAD_ALLELE, j, max(first, second)
        both = have == 2 and first >= 0 and second >= 0
        alone = max(first, second)
        one = alone >= 0 and (have == 1 or (on_x and have == 2 and not both))
        greatest, het = -1.0, both and first != second
        for k in range(n_alt):
            here = -1
            if both:
                here = (first == k + 1) + (second == k + 1)
            elif one:
                here = 2 * (alone == k + 1)
            if with_dosages:
                value = entries[k, j]
                if not np.isnan(value):
                    used = True
                    if value < -1e-3 or value > 2.001:
                        return BAD_DOSAGE, j, 0
                    if have == 1 and copies[1, j] == 0:
                        if value > 1.001:
                            return HAPLOID_DOSAGE, j, 0
                        value *= 2
                    value = min(max(value, 0.0), 2.0)
                    greatest = max(greatest, value)
                    entries[k, j] = value
                    if here < 0:
                        near = np.int64(value + 0.5)
                        if abs(value - near) <= HARD_CALL_DISTANCE:
                            here = near
                            het = het or (have == 0 and near == 1)
                elif here >= 0:
                    entries[k, j] = here
            codes[k, j] = np.uint8(1 if here < 0 else (0 if here == 2 else 3 - here))
        if on_x:
            if one or (have == 0 and copies[1, j] == 1):
                sex[0, j] += 1
                single[0, j >> 3] |= np.uint8(1 << (j & 7))
            elif both or (have == 0 and copies[1, j] == 2):
                sex[1, j] += 1
                sex[2, j] += het
            elif have == 0:
                untold[j] = max(untold[j], greatest)
    return WITH_DOSAGES if used else DONE, 0, 0


@compiled
def to_units(values: npt.NDArray[np.float64], units: npt.NDArray[np.uint16]) -> int:
    """Fill units (n,) with dosages (n,), NaN as NO_UNITS; how many units make two copies.

    2,000 or 20,000 where all dosages have three or four decimals, which is exact; else 65,534.
    """
    top = 65_534
    for decimals in range(3, 5):
        scale, off = 10.0**decimals, 0.0
        for j in range(len(units)):
            x = values[j] * scale
            # numbers of BCF have 24 bits; NaN is not greater than anything
            away = abs(x - np.rint(x))
            if away > off:
                off = away
        if off <= 2.5e-7 * scale:
            top = np.int64(2 * scale)
            break
    for j in range(len(units)):
        x = values[j]
        units[j] = NO_UNITS if np.isnan(x) else np.uint16(np.rint(x * (top / 2)))
    return top


@compiled
def read_scores(
    text: Bytes, lines: npt.NDArray[np.int64], name: Bytes, scores: npt.NDArray[np.float64]
) -> None:
    """Fill scores (lines,) with the number of an INFO field, the first of a list; else NaN.

    Parameters
    ----------
    name : of the field, with ``=``.
    """
    for line in range(len(lines)):
        at, stop = lines[line, INFO], lines[line, INFO_END]
        scores[line] = np.nan
        while at + len(name) < stop:
            same = True
            for k in range(len(name)):
                same = same and text[at + k] == name[k]
            if same:
                scores[line], _ = number(text, at + len(name))
                break
            while at < stop and text[at] != 59:
                at += 1
            at += 1


@compiled
def gather(text: Bytes, spans: npt.NDArray[np.int64], offsets: npt.NDArray[np.int32]) -> Bytes:
    """Pieces of a text, one after the other; offsets (len(spans) + 1,) is filled."""
    total = np.int64(0)
    offsets[0] = 0
    for i in range(len(spans)):
        total += spans[i, 1] - spans[i, 0]
        offsets[i + 1] = total
    joined = np.empty(total, np.uint8)
    for i in range(len(spans)):
        at = offsets[i]
        for k in range(spans[i, 0], spans[i, 1]):
            joined[at] = text[k]
            at += 1
    return joined


@compiled
def alleles_apart(text: Bytes, lines: npt.NDArray[np.int64], spans: npt.NDArray[np.int64]) -> None:
    """Fill spans (rows, 3) with the line of each alternate allele, and where the allele stands."""
    row = 0
    for line in range(len(lines)):
        if lines[line, N_ALT] == 0:
            continue
        first = lines[line, ALT]
        for i in range(lines[line, ALT], lines[line, ALT_END] + 1):
            if i == lines[line, ALT_END] or text[i] == _COMMA:
                spans[row, 0], spans[row, 1], spans[row, 2] = line, first, i
                first = i + 1
                row += 1
