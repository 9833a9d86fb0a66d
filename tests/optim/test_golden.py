"""Trajectories of five steps against float64 NumPy, written from the equations of one matrix at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from collidium.optim import OPTIMIZERS

Array = np.ndarray
STEPS = 5
LAYOUTS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "tall": ((24, 8), {}),
    "wide": ((8, 24), {}),
    "stack": ((3, 6, 10), {"view": "stack"}),
    "split": ((12, 8), {"split_sizes": (5, 4, 3)}),
    "even split": ((12, 8), {"split_sizes": (4, 4, 4)}),
    "convolution": ((6, 4, 3, 2), {"view": "flatten"}),
}


def gradient(shape: tuple[int, ...], step: int) -> Array:
    return np.random.default_rng(step).normal(size=shape) * (1.0 + step)


def polar(x: Array) -> Array:
    left, _, right = np.linalg.svd(x, full_matrices=False)
    return left @ right


def norm(x: Array) -> float:
    return float(np.sqrt(np.sum(x * x)))


def match_rms(w: Array) -> float:
    return 0.2 * max(w.shape) ** 0.5


def muon(w: Array, gradients: list[Array], lr: float, lam: float, factor: Callable[[Array], float]) -> Array:
    m = np.zeros_like(w)
    for g in gradients:
        m = 0.95 * m + 0.05 * g
        w = (1 - lr * lam) * w - lr * factor(w) * polar(0.05 * g + 0.95 * m)
    return w


def moonlight(w: Array, gradients: list[Array], lr: float) -> Array:
    return muon(w, gradients, lr, 0.1, match_rms)


def muon_mup(w: Array, gradients: list[Array], lr: float) -> Array:
    return muon(w, gradients, lr, 0.1, lambda x: (x.shape[0] / x.shape[1]) ** 0.5)


def normuon(w: Array, gradients: list[Array], lr: float) -> Array:
    m, v = np.zeros_like(w), np.zeros((len(w), 1))
    for g in gradients:
        m = 0.95 * m + 0.05 * g
        o = polar(0.05 * g + 0.95 * m)
        v = 0.9 * v + 0.1 * np.mean(o**2, axis=1, keepdims=True)
        scaled = o / (np.sqrt(v) + 1e-10)
        w = (1 - 0.1 * lr) * w - lr * max(1, w.shape[0] / w.shape[1]) ** 0.5 * scaled * norm(o) / norm(scaled)
    return w


def adamuon(w: Array, gradients: list[Array], lr: float) -> Array:
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(gradients, 1):
        m = 0.9 * m + 0.1 * g
        o = polar(0.1 * g + 0.9 * m)
        v = 0.95 * v + 0.05 * o * o
        o = o / (np.sqrt(v / (1 - 0.95**t)) + 1e-8)
        w = (1 - 0.1 * lr) * w - lr * match_rms(w) * o * min(w.shape) ** 0.5 / norm(o)
    return w


def mars_m(w: Array, gradients: list[Array], lr: float) -> Array:
    m, previous = np.zeros_like(w), np.zeros_like(w)
    for g in gradients:
        c = g + 0.025 * 0.95 / 0.05 * (g - previous)
        c /= max(1.0, norm(c))
        m = 0.95 * m + 0.05 * c
        w = (1 - 0.1 * lr) * w - lr * match_rms(w) * polar(m)
        previous = g
    return w


def mars_m_efficient(w: Array, gradients: list[Array], lr: float) -> Array:
    m = np.zeros_like(w)
    for g in gradients:
        m = 0.95 * m + (1 - 0.025) * (1 - 0.95) / 0.95 * g
        w = (1 - 0.1 * lr) * w - lr * match_rms(w) * polar(0.025 * g + 0.95 * m)
    return w


def adago(w: Array, gradients: list[Array], lr: float) -> Array:
    m, accumulator = np.zeros_like(w), 1e-6
    for g in gradients:
        m = 0.95 * m + 0.05 * g
        accumulator += min(norm(g) ** 2, 25.0**2)
        w = w - max(0.01 * lr, lr * min(norm(g), 25.0) / accumulator**0.5) * polar(m)
    return w


def namo(w: Array, gradients: list[Array], lr: float) -> Array:
    m, v = np.zeros_like(w), 0.0
    for t, g in enumerate(gradients, 1):
        m = 0.95 * m + 0.05 * g
        u = 0.05 * g + 0.95 * m
        v = 0.99 * v + 0.01 * norm(g) ** 2
        alpha = (1 - 0.99**t) ** 0.5 / (1 - 0.95**t) * norm(u) / (v**0.5 + 1e-8)
        w = (1 - 0.1 * min(1, lr * alpha)) * w - min(1, match_rms(w) * lr * alpha) * polar(u)
    return w


def namo_d(w: Array, gradients: list[Array], lr: float) -> Array:
    m, v = np.zeros_like(w), np.zeros(w.shape[1])
    for t, g in enumerate(gradients, 1):
        m = 0.95 * m + 0.05 * g
        u = 0.05 * g + 0.95 * m
        v = 0.99 * v + 0.01 * np.sum(g**2, axis=0)
        s = np.linalg.norm(u, axis=0) / (np.sqrt(v) + 1e-8)
        s = np.clip(s, 0.75 * s.mean(), s.mean() / 0.75)
        alpha = (1 - 0.99**t) ** 0.5 / (1 - 0.95**t) * s
        w = w * (1 - 0.1 * np.minimum(1, lr * alpha)) - polar(u) * np.minimum(1, match_rms(w) * lr * alpha)
    return w


def reg(w: Array, gradients: list[Array], lr: float) -> Array:
    m = np.zeros_like(w)
    for g in gradients:
        m = 0.95 * m + 0.05 * g
        x = 0.05 * g + 0.95 * m
        for _ in range(2):
            x = x / np.linalg.norm(x, axis=1, keepdims=True)
            x = x / np.linalg.norm(x, axis=0, keepdims=True)
        w = (1 - 0.1 * lr) * w - lr * 0.2 * w.size**0.5 * x / norm(x)
    return w


def auon(w: Array, gradients: list[Array], lr: float) -> Array:
    m = np.zeros_like(w)
    for g in gradients:
        m = 0.95 * m + 0.05 * g
        u = 0.05 * g + 0.95 * m
        x = u / (norm(u) + 1e-7)
        w = w - lr * x / (np.sqrt(np.mean(np.cosh(x) ** 2)) + 1e-8)
    return w


def auon_code(w: Array, gradients: list[Array], lr: float) -> Array:
    m = np.zeros_like(w)
    for g in gradients:
        m = 0.95 * m + 0.05 * g
        u = 0.05 * g + 0.95 * m
        x = u / (norm(u) + 1e-7)
        w = w - lr * u / (np.sqrt(np.mean(np.cosh(1.5 * x) ** 2)) + 1e-8)
    return w


def hybrid_auon(w: Array, gradients: list[Array], lr: float) -> Array:
    m = np.zeros_like(w)
    for g in gradients:
        m = 0.95 * m + 0.05 * g
        u = polar(0.05 * g + 0.95 * m)
        x = u / (norm(u) + 1e-7)
        w = w - lr * x / (np.sqrt(np.mean(np.cosh(x) ** 2)) + 1e-8)
    return w


def conda(w: Array, gradients: list[Array], lr: float) -> Array:
    m, v = np.zeros_like(w), np.zeros_like(w)
    is_tall = w.shape[0] >= w.shape[1]
    for t, g in enumerate(gradients, 1):
        m = 0.9 * m + 0.1 * g
        if (t - 1) % 2 == 0:
            left, _, right = np.linalg.svd(m, full_matrices=False)
        g_rotated, m_rotated = (g @ right.T, m @ right.T) if is_tall else (left.T @ g, left.T @ m)
        v = 0.99 * v + 0.01 * g_rotated**2
        o = m_rotated / (np.sqrt(v) + 1e-8)
        o = o @ right if is_tall else left @ o
        w = w - lr * (1 - 0.99**t) ** 0.5 / (1 - 0.9**t) * 0.25 * o
        w = (1 - 0.1 * lr) * w
    return w


def inverse_root(a: Array) -> Array:
    values, vectors = np.linalg.eigh(a)
    root: Array = vectors @ np.diag(values**-0.5) @ vectors.T
    return root


def fismo(w: Array, gradients: list[Array], lr: float) -> Array:
    rows, columns = w.shape
    m, p, q = np.zeros_like(w), np.eye(rows), np.eye(columns)
    for g in gradients:
        left = g @ np.linalg.inv(q) @ g.T / columns + 1e-3 * np.trace(p) / rows * np.eye(rows)
        p = 0.9 * p + 0.1 * left
        p *= rows / np.trace(p)
        right = g.T @ np.linalg.inv(p) @ g / rows + 1e-3 * np.trace(q) / columns * np.eye(columns)
        q = 0.9 * q + 0.1 * right
        q *= columns / np.trace(q)
        m = 0.95 * m + 0.05 * inverse_root(p) @ g @ inverse_root(q)
        w = w - lr * inverse_root(p) @ polar(m) @ inverse_root(q)
    return w


Reference = Callable[[Array, list[Array], float], Array]
CASES: list[tuple[str, Reference, dict[str, Any]]] = [
    ("moonlight", moonlight, {}),
    ("muon_mup", muon_mup, {"weight_decay": 0.1}),
    ("normuon", normuon, {"beta2": 0.9, "weight_decay": 0.1}),
    ("adamuon", adamuon, {}),
    ("mars_m", mars_m, {}),
    ("mars_m", mars_m_efficient, {"variant": "efficient"}),
    ("adago", adago, {"gradient_cap": 25.0}),
    ("namo", namo, {}),
    ("namo_d", namo_d, {}),
    ("reg", reg, {"iterations": 2}),
    ("auon", auon, {}),
    ("auon", auon_code, {"scaling": "code"}),
    ("hybrid_auon", hybrid_auon, {}),
    ("conda", conda, {"beta2": 0.99, "refresh_every": 2, "scale": 0.25, "weight_decay": 0.1}),
    ("fismo", fismo, {"factor_decay": 0.9, "refresh_every": 1}),
]


def in_matrices(reference: Reference, w: Array, gradients: list[Array], lr: float, layout: str) -> Array:
    """Every slice, block or flattened filter bank is a matrix of its own."""
    if layout == "stack":
        return np.stack([reference(w[i], [g[i] for g in gradients], lr) for i in range(len(w))])
    if layout.endswith("split"):
        cuts = np.cumsum(LAYOUTS[layout][1]["split_sizes"])[:-1]
        blocks = zip(np.split(w, cuts), *(np.split(g, cuts) for g in gradients), strict=True)
        return np.concatenate([reference(block, list(parts), lr) for block, *parts in blocks])
    flat = reference(w.reshape(len(w), -1), [g.reshape(len(w), -1) for g in gradients], lr)
    return flat.reshape(w.shape)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("name", "reference", "options"), CASES, ids=[case[1].__name__ for case in CASES])
def test_trajectory(name: str, reference: Reference, options: dict[str, Any], layout: str) -> None:
    shape, group = LAYOUTS[layout]
    gradients = [gradient(shape, step) for step in range(STEPS)]
    start = gradient(shape, 99) / 100
    expected = in_matrices(reference, start, gradients, 0.05, layout)
    weight = torch.nn.Parameter(torch.from_numpy(start.copy()))
    exact = {"direction": "exact"} if "direction" in OPTIMIZERS[name].defaults else {}
    optimizer = OPTIMIZERS[name].build([{"params": [weight], **group}], lr=0.05, **options, **exact)
    for g in gradients:
        weight.grad = torch.from_numpy(g.copy())
        optimizer.step()
    # Float64 on both sides; the polar factor by eigendecomposition squares the condition number.
    np.testing.assert_allclose(weight.detach().numpy(), expected, rtol=0, atol=1e-9)
