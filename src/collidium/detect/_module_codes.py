"""Normalised trigger cells, and the classical ways to send them in few bits.

The total charge of a module goes out beside its shape in every scheme, so only the bits of the shape are counted. A
module whose shape is lost comes back flat.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from collidium.artifact import InputError
from collidium.detect._module import NUM_CELLS
from collidium.detect._particles import Float, Int

INPUT_BITS = 10
LINK_BITS = {2: 48, 3: 80, 4: 112, 5: 144}
_ADDRESS_BITS = 6
_MANTISSA_BITS = 3
_CHARGE_BITS = 7


@dataclass(frozen=True)
class SentModules:
    """Shapes as they come out of a scheme.

    Attributes
    ----------
    shape : ndarray, (N, 48), 1
        Decoded charges over their sum.
    num_bits : ndarray of int64, (N,)
        Bits sent for each module.
    """

    shape: Float
    num_bits: Int


def normalise_cells(charge: Int, *, bits: int = INPUT_BITS) -> Int:
    """Divide cells by their sum, as fixed-point numbers.

    Parameters
    ----------
    charge : ndarray of int64, (N, 48)
        Charges, not negative, in any one unit.
    bits : int
        Fractional bits.

    Returns
    -------
    ndarray of int64, (N, 48)
        ``round(2^bits q / sum q)``, halves up, at most ``2^bits - 1``; a module without charge stays zero.

    Raises
    ------
    InputError
        For negative charges.

    Examples
    --------
    >>> normalise_cells(np.array([[1, 3, 0], [0, 0, 0], [0, 7, 0]])).tolist()
    [[256, 768, 0], [0, 0, 0], [0, 1023, 0]]
    """
    if charge.min(initial=0) < 0:
        raise InputError(f"charge is {charge.min()}: it must not be negative")
    total = np.maximum(charge.sum(1, keepdims=True), 1)
    codes: Int = np.minimum(((charge << (bits + 1)) + total) // (2 * total), (1 << bits) - 1)
    return codes


def charge_shares(values: Float | Int) -> Float:
    """Divide by the sum, flat where the sum is 0.

    Parameters
    ----------
    values : ndarray, (N, 48)
        Not negative.

    Returns
    -------
    ndarray, (N, 48), 1
        Rows of sum 1.

    Examples
    --------
    >>> charge_shares(np.array([[1, 3], [0, 0]])).tolist()
    [[0.25, 0.75], [0.5, 0.5]]
    """
    total = values.sum(1, keepdims=True)
    shape: Float = np.where(total > 0, values / np.maximum(total, np.finfo(float).tiny), 1 / values.shape[1])
    return shape


def send_above(charge: Int, threshold: int) -> SentModules:
    """Send the cells with a charge of at least a threshold.

    Parameters
    ----------
    charge : ndarray of int64, (N, 48)
        Charges.
    threshold : int
        In the same unit.

    Returns
    -------
    SentModules
        For n cells ``6 + min(6 n, 48) + 7 n`` bits: their number, addresses or a map of all cells, and charges as
        floating-point numbers of four bits of exponent and three of mantissa.

    References
    ----------
    The "threshold" mode of the CMS concentrator chip, CMS-TDR-019; the packing is ours.

    Examples
    --------
    >>> sent = send_above(np.array([[4, 9, 0, 17]]), 5)
    >>> sent.shape.round(3).tolist(), sent.num_bits.tolist()
    ([[0.0, 0.36, 0.0, 0.64]], [32])
    """
    is_sent = charge >= threshold
    return SentModules(charge_shares(float_value(charge) * is_sent), _list_bits(is_sent.sum(1)))


def threshold_for(charge: Int, mean_bits: float) -> int:
    """Lowest threshold at which :func:`send_above` needs no more than a mean number of bits.

    Parameters
    ----------
    charge : ndarray of int64, (N, 48)
        Charges of a typical sample.
    mean_bits : float
        Allowed mean over the modules.

    Returns
    -------
    int
        In the unit of the charges.

    Examples
    --------
    >>> threshold_for(np.array([[4, 9, 0, 17]]), 32)
    5
    """
    low, high = 0, int(charge.max()) + 1
    while high - low > 1:
        middle = (low + high) // 2
        is_short = _list_bits((charge >= middle).sum(1)).mean() <= mean_bits
        low, high = (low, middle) if is_short else (middle, high)
    return high


def send_largest(charge: Int, num_bits: int) -> SentModules:
    """Send the largest cells, as many as fit.

    Parameters
    ----------
    charge : ndarray of int64, (N, 48)
        Charges.
    num_bits : int
        Bits of each module, at least 13.

    Returns
    -------
    SentModules
        ``num_bits // 13`` cells of 6 bits of address and 7 bits of charge; of equal cells the first.

    References
    ----------
    The "best choice" mode of the CMS concentrator chip, CMS-TDR-019.

    Examples
    --------
    >>> send_largest(np.array([[4, 9, 0, 16]]), 26).shape.tolist()
    [[0.0, 0.36, 0.0, 0.64]]
    """
    count = min(num_bits // (_ADDRESS_BITS + _CHARGE_BITS), charge.shape[1])
    order = np.argsort(-charge, axis=1, kind="stable")[:, :count]
    is_sent = np.zeros(charge.shape, dtype=np.bool_)
    np.put_along_axis(is_sent, order, True, axis=1)
    return SentModules(charge_shares(float_value(charge) * is_sent), np.full(len(charge), num_bits))


def send_truncated(charge: Int, num_bits: int) -> SentModules:
    """Send the leading bits of every cell, counted from the leading bit of the largest.

    Parameters
    ----------
    charge : ndarray of int64, (N, 48)
        Charges.
    num_bits : int
        Bits of each module, at least one for each cell; what is left of an even division goes to the first cells.

    Returns
    -------
    SentModules
        Cells are decoded in the middle of their interval, and as 0 where no bit is set. The place of the leading bit
        goes with the total charge.

    Raises
    ------
    InputError
        If there is less than a bit for each cell.

    Examples
    --------
    >>> send_truncated(np.array([[4, 9, 0, 15]]), 8).shape.round(3).tolist()
    [[0.2, 0.333, 0.0, 0.467]]
    """
    cells = charge.shape[1]
    if num_bits < cells:
        raise InputError(f"num_bits is {num_bits}: at least {cells} are needed, one for each cell")
    bits = num_bits // cells + (np.arange(cells) < num_bits % cells)
    shift = np.maximum(_bit_length(charge.max(1))[:, None] - bits, 0)
    code = charge >> shift
    half = np.where((code > 0) & (shift > 0), np.exp2(shift - 1.0), 0)
    return SentModules(charge_shares(code * np.exp2(shift.astype(np.float64)) + half), np.full(len(charge), num_bits))


def float_value(charge: Int) -> Int:
    """Charges rounded down to a leading bit and three more.

    Parameters
    ----------
    charge : ndarray of int64
        Not negative.

    Returns
    -------
    ndarray of int64
        The represented value.

    Examples
    --------
    >>> float_value(np.array([7, 15, 17, 1000])).tolist()
    [7, 15, 16, 960]
    """
    shift = np.maximum(_bit_length(charge) - 1 - _MANTISSA_BITS, 0)
    return (charge >> shift) << shift


def _bit_length(values: Int) -> Int:
    """Number of bits up to the leading one; 0 for 0."""
    return np.frexp(values.astype(np.float64))[1].astype(np.int64)


def _list_bits(count: Int) -> Int:
    """Bits of a list of cells."""
    return _ADDRESS_BITS + np.minimum(_ADDRESS_BITS * count, NUM_CELLS) + _CHARGE_BITS * count
