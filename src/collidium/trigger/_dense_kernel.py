"""Machine code of dense layers in training: samples in tiles that stay in the cache, all layers at once.

Arrays over all quantizers follow one order: weights of every layer (row-major), biases of every layer, data of every
layer. ``sizes`` has the number of inputs and the widths of the layers.
"""

from __future__ import annotations

import numpy as np

from collidium.trigger._machine_code import SUMS, Integers, Reals, machine_code

TILE = 256
BLOCK = 4
_LN2 = np.float32(np.log(2.0))
_HALF = np.float32(0.5)
_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)


@machine_code()
def quantize(values: Reals, powers: Reals, rounded: Reals) -> None:
    """Round weights and biases half up."""
    scale, step = powers[1], powers[2]
    for j in range(len(values)):
        rounded[j] = np.floor(values[j] * scale[j] + _HALF) * step[j]


@machine_code()
def _padded(size: int) -> int:
    """The next multiple of the block, in which rows of matrices are taken."""
    return (size + BLOCK - 1) // BLOCK * BLOCK


@machine_code()
def num_rows(sizes: Integers) -> int:
    """Rows that the inputs of all layers take."""
    total = 0
    for size in sizes[:-1]:
        total += _padded(size)
    return total


@machine_code()
def _matrices(rounded: Reals, sizes: Integers, is_turned: bool) -> Reals:
    """Matrices of all layers, each filled up with zeros to whole blocks; outputs by inputs, or turned."""
    total = 0
    for layer in range(len(sizes) - 1):
        total += _padded(sizes[layer]) * _padded(sizes[layer + 1])
    filled = np.zeros(total, np.float32)
    source, place = 0, 0
    for layer in range(len(sizes) - 1):
        num_inputs, num_outputs = sizes[layer], sizes[layer + 1]
        wide_in, wide_out = _padded(num_inputs), _padded(num_outputs)
        for u in range(num_outputs):
            for i in range(num_inputs):
                filled[place + (i * wide_out + u if is_turned else u * wide_in + i)] = rounded[source]
                source += 1
        place += wide_in * wide_out
    return filled


@machine_code(SUMS)
def add_products(out: Reals, matrix: Reals, rows: Reals, num_out: int, num_in: int) -> None:
    """Add ``matrix @ rows`` to ``out``: (num_out, num_in), (num_in, TILE) and (num_out, TILE), all flat."""
    for u in range(0, num_out, BLOCK):
        target = out[u * TILE : (u + BLOCK) * TILE]
        for i in range(0, num_in, BLOCK):
            w, x, y, z = (u * num_in + i, (u + 1) * num_in + i, (u + 2) * num_in + i, (u + 3) * num_in + i)
            w0, w1, w2, w3 = matrix[w], matrix[w + 1], matrix[w + 2], matrix[w + 3]
            x0, x1, x2, x3 = matrix[x], matrix[x + 1], matrix[x + 2], matrix[x + 3]
            y0, y1, y2, y3 = matrix[y], matrix[y + 1], matrix[y + 2], matrix[y + 3]
            z0, z1, z2, z3 = matrix[z], matrix[z + 1], matrix[z + 2], matrix[z + 3]
            source = rows[i * TILE : (i + BLOCK) * TILE]
            for n in range(TILE):
                a, b, c, d = source[n], source[n + TILE], source[n + 2 * TILE], source[n + 3 * TILE]
                target[n] += w0 * a + w1 * b + w2 * c + w3 * d
                target[n + TILE] += x0 * a + x1 * b + x2 * c + x3 * d
                target[n + 2 * TILE] += y0 * a + y1 * b + y2 * c + y3 * d
                target[n + 3 * TILE] += z0 * a + z1 * b + z2 * c + z3 * d


@machine_code(SUMS)
def add_inner_products(out: Reals, left: Reals, right: Reals, num_left: int, num_right: int) -> None:
    """Add ``left @ right.T`` to ``out``: (num_left, TILE), (num_right, TILE) and (num_left, num_right), all flat."""
    for u in range(0, num_left, 2):
        first = left[u * TILE : (u + 2) * TILE]
        for i in range(0, num_right, BLOCK):
            second = right[i * TILE : (i + BLOCK) * TILE]
            a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = _ZERO
            for n in range(TILE):
                a, b = first[n], first[n + TILE]
                w, x, y, z = second[n], second[n + TILE], second[n + 2 * TILE], second[n + 3 * TILE]
                a0 += a * w
                a1 += a * x
                a2 += a * y
                a3 += a * z
                b0 += b * w
                b1 += b * x
                b2 += b * y
                b3 += b * z
            place = u * num_right + i
            out[place] += a0
            out[place + 1] += a1
            out[place + 2] += a2
            out[place + 3] += a3
            place += num_right
            out[place] += b0
            out[place + 1] += b1
            out[place + 2] += b2
            out[place + 3] += b3


@machine_code()
def round_row(x: Reals, scale: np.float32, step: np.float32, out: Reals) -> None:
    """Round the values of a tile half up."""
    for n in range(TILE):
        out[n] = np.floor(x[n] * scale + _HALF) * step


@machine_code()
def largest(row: Reals, found: np.int32) -> np.int32:
    """Bits, without the sign, of the largest absolute value of a tile, if they are more than those found so far."""
    bits = row.view(np.int32)
    for n in range(TILE):
        size = bits[n] & np.int32(0x7FFFFFFF)
        found = size if size > found else found
    return found


@machine_code(SUMS)
def error_sum(grad: Reals, x: Reals, near: Reals) -> np.float32:
    """Sum of gradients times rounding errors of a tile."""
    total = _ZERO
    for n in range(TILE):
        total += grad[n] * (x[n] - near[n])
    return total


@machine_code(SUMS)
def _total(row: Reals) -> np.float32:
    total = _ZERO
    for n in range(TILE):
        total += row[n]
    return total


@machine_code()
def forward(x: Reals, rounded: Reals, sizes: Integers, powers: Reals, kept: Reals, out: Reals, seen: Reals) -> None:
    """Compute the layers.

    Parameters
    ----------
    x : (N, sizes[0])
        Input.
    rounded : (constants,)
        Quantized weights and biases.
    sizes : (layers + 1,)
        Widths.
    powers : (3, quantizers)
        Rounded widths, and their powers of two.
    kept : (tiles, num_rows(sizes) * TILE)
        Written: what each layer was given, before it was rounded.
    out : (N, sizes[-1])
        Written: the output.
    seen : (data,)
        Written: the largest absolute value of each rounded element.
    """
    num_layers, num_samples, count = len(sizes) - 1, len(x), len(rounded)
    scale, step = powers[1], powers[2]
    matrices, most = _matrices(rounded, sizes, False), seen.view(np.int32)
    most[:] = 0
    near = np.zeros(_padded(sizes.max()) * TILE, np.float32)
    result = np.empty(_padded(sizes[num_layers]) * TILE, np.float32)
    for tile in range(len(kept)):
        first = tile * TILE
        size = min(TILE, num_samples - first)
        signals = kept[tile]
        for i in range(sizes[0]):
            for n in range(size):
                signals[i * TILE + n] = x[first + n, i]
            for n in range(size, TILE):
                signals[i * TILE + n] = signals[i * TILE]
        weight, row, quantizer = 0, 0, count
        bias = count - sizes[1:].sum()
        for layer in range(num_layers):
            num_inputs, num_outputs = sizes[layer], sizes[layer + 1]
            wide_in, wide_out = _padded(num_inputs), _padded(num_outputs)
            for i in range(num_inputs):
                own = near[i * TILE : (i + 1) * TILE]
                start = (row + i) * TILE
                round_row(signals[start : start + TILE], scale[quantizer + i], step[quantizer + i], own)
                most[quantizer - count + i] = largest(own, most[quantizer - count + i])
            near[num_inputs * TILE : wide_in * TILE] = _ZERO
            row += wide_in
            quantizer += num_inputs
            is_last = layer == num_layers - 1
            target = result if is_last else signals[row * TILE : (row + wide_out) * TILE]
            for u in range(wide_out):
                target[u * TILE : (u + 1) * TILE] = rounded[bias + u] if u < num_outputs else _ZERO
            matrix = matrices[weight : weight + wide_out * wide_in]
            add_products(target, matrix, near, wide_out, wide_in)
            if not is_last:
                for n in range(len(target)):
                    value = target[n]
                    target[n] = _ZERO if value < _ZERO else value
            weight += wide_out * wide_in
            bias += num_outputs
        for n in range(size):
            for u in range(sizes[num_layers]):
                out[first + n, u] = result[u * TILE + n]


@machine_code()
def backward(
    grad: Reals,
    kept: Reals,
    values: Reals,
    rounded: Reals,
    sizes: Integers,
    powers: Reals,
    costs: Reals,
    beta: float,
    weights: Reals,
    widths: Reals,
) -> None:
    """Compute the gradients.

    Parameters
    ----------
    grad : (N, sizes[-1])
        Gradient of the output.
    kept, rounded, sizes, powers
        As in :func:`forward`.
    values : (constants,)
        Weights and biases in full precision.
    costs : (quantizers,)
        Derivatives of the cost.
    beta : float
        Factor on the cost.
    weights, widths : (constants,), (quantizers,)
        Written: gradients of weights and biases, and of widths.
    """
    num_layers, num_samples, count = len(sizes) - 1, len(grad), len(rounded)
    scale, step = powers[1], powers[2]
    matrices = _matrices(rounded, sizes, True)
    slopes = np.zeros_like(matrices)
    widest = _padded(sizes.max()) * TILE
    near = np.zeros(widest, np.float32)
    mine = np.zeros(widest, np.float32)
    above = np.zeros(widest, np.float32)
    weights[:] = _ZERO
    widths[:] = _ZERO
    for tile in range(len(kept)):
        first = tile * TILE
        size = min(TILE, num_samples - first)
        signals = kept[tile]
        above[: _padded(sizes[num_layers]) * TILE] = _ZERO
        for u in range(sizes[num_layers]):
            for n in range(size):
                above[u * TILE + n] = grad[first + n, u]
        row, quantizer, bias, end = signals.size // TILE, len(scale), count, len(matrices)
        for layer in range(num_layers - 1, -1, -1):
            num_inputs, num_outputs = sizes[layer], sizes[layer + 1]
            wide_in, wide_out = _padded(num_inputs), _padded(num_outputs)
            row -= wide_in
            quantizer -= num_inputs
            bias -= num_outputs
            start = end - wide_out * wide_in
            for i in range(num_inputs):
                own = signals[(row + i) * TILE : (row + i + 1) * TILE]
                round_row(own, scale[quantizer + i], step[quantizer + i], near[i * TILE : (i + 1) * TILE])
            near[num_inputs * TILE : wide_in * TILE] = _ZERO
            add_inner_products(slopes[start:end], above, near, wide_out, wide_in)
            for u in range(num_outputs):
                weights[bias + u] += _total(above[u * TILE : (u + 1) * TILE])
            mine[: wide_in * TILE] = _ZERO
            add_products(mine, matrices[start:end], above, wide_in, wide_out)
            for i in range(num_inputs):
                part = slice(i * TILE, (i + 1) * TILE)
                own, signal = mine[part], signals[(row + i) * TILE : (row + i + 1) * TILE]
                widths[quantizer + i] += error_sum(own, signal, near[part])
                if layer > 0:
                    for n in range(TILE):
                        own[n] = own[n] if signal[n] > _ZERO else _ZERO
            mine, above = above, mine
            end = start
    source, place = 0, 0
    for layer in range(num_layers):
        wide_in = _padded(sizes[layer])
        for u in range(sizes[layer + 1]):
            for i in range(sizes[layer]):
                weights[source] = slopes[place + u * wide_in + i]
                source += 1
        place += wide_in * _padded(sizes[layer + 1])
    for j in range(count):
        widths[j] = weights[j] * (values[j] - rounded[j])
    factor = np.float32(beta)
    for j in range(len(widths)):
        widths[j] = _LN2 * widths[j] + factor * costs[j]


@machine_code()
def follow(rounded: Reals, seen: Reals, powers: Reals, decay: Reals, integers: Reals) -> None:
    """Set integer bits to what values need; those of data shrink by ``decay`` at most.

    The bits that a whole number needs are in the exponent of the floating-point number.
    """
    count, whole, scale = len(rounded), powers[0], powers[1]
    numbers = np.empty(len(scale), np.float32)
    for j in range(count):
        numbers[j] = abs(rounded[j]) * scale[j]
    for j in range(len(seen)):
        numbers[count + j] = seen[j] * scale[count + j]
    bits = numbers.view(np.int32)
    for j in range(len(bits)):
        exponent = (bits[j] >> 23) - np.int32(126)
        numbers[j] = np.float32(exponent if bits[j] > 0 else np.int32(0)) - whole[j]
    integers[:count] = numbers[:count]
    for j in range(len(seen)):
        integers[count + j] = max(integers[count + j] - decay[j], numbers[count + j])


@machine_code(SUMS)
def cost(sizes: Integers, powers: Reals, integers: Reals, signs: Reals, slopes: Reals, result: Reals) -> None:
    """Effective bit operations, and their slopes in all widths.

    Parameters
    ----------
    sizes : (layers + 1,)
        Widths of the layers.
    powers : (3, quantizers)
        As in :func:`forward`.
    integers, signs : (quantizers,)
        Integer bits; sign bits that count where there is another bit.
    slopes : (quantizers,)
        Written: derivatives of the cost, 0 where there is no bit.
    result : ()
        Written: the cost.
    """
    whole = powers[0]
    bits = np.empty(len(whole), np.float32)
    for j in range(len(whole)):
        found = np.rint(integers[j]) + whole[j]
        bits[j] = found + signs[j] if found > _ZERO else _ZERO
    num_layers = len(sizes) - 1
    num_data = sizes[:num_layers].sum()
    place = len(whole) - num_data
    bias = place - sizes[1:].sum()
    slopes[place:] = _ZERO
    slopes[bias:place] = _ONE
    weight, total = 0, bits[bias:place].sum()
    for layer in range(num_layers):
        num_inputs, num_outputs = sizes[layer], sizes[layer + 1]
        data, data_slopes = bits[place : place + num_inputs], slopes[place : place + num_inputs]
        for _ in range(num_outputs):
            row, row_slopes = bits[weight : weight + num_inputs], slopes[weight : weight + num_inputs]
            for i in range(num_inputs):
                data_slopes[i] += row[i]
                row_slopes[i] = data[i]
            weight += num_inputs
        for i in range(num_inputs):
            total += data[i] * data_slopes[i]
        place += num_inputs
    for j in range(len(bits)):
        slopes[j] = slopes[j] if bits[j] > _ZERO else _ZERO
    result[()] = total


@machine_code()
def run(
    x: Reals,
    values: Reals,
    sizes: Integers,
    powers: Reals,
    decay: Reals,
    signs: Reals,
    rounded: Reals,
    kept: Reals,
    out: Reals,
    seen: Reals,
    slopes: Reals,
    integers: Reals,
    result: Reals,
) -> None:
    """Round the constants, compute the layers, let the integer bits follow, and count the cost."""
    quantize(values, powers, rounded)
    forward(x, rounded, sizes, powers, kept, out, seen)
    follow(rounded, seen, powers, decay, integers)
    cost(sizes, powers, integers, signs, slopes, result)
