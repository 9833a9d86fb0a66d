"""Newton-Schulz iteration towards the polar factor, in the standard and in the Gram form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from collidium.optim._coefficients import COEFFICIENTS, Triple, check_precision, schedule
from collidium.optim._norms import frobenius_norm
from collidium.optim._scratch import Scratch

# Steps after which X and its Gram matrix are rebuilt: the first time, and from there on. In half precision the Gram
# matrix must not be carried over the first step, whose large coefficients nearly cancel: rounding then leaves
# eigenvalues outside the range of the polynomials, and a few dominant directions make the iteration explode.
RESTARTS = {"half": (1, 2), "full": (2, 3)}


def newton_schulz(
    matrix: Tensor,
    coefficients: str = "polar_express_5",
    *,
    steps: int | None = None,
    dtype: torch.dtype = torch.float32,
    eps: float = 1e-7,
) -> Tensor:
    """Approximate polar factor ``U V^T`` of a matrix ``U S V^T``.

    Parameters
    ----------
    matrix : Tensor, (..., m, n), 1
        Matrix or stack of matrices; each is treated by itself.
    coefficients : str
        A key of ``COEFFICIENTS``.
    steps : int, optional
        Number of iterations; the published number of the set if not given.
    dtype : torch.dtype
        Precision of the iteration. The normalisation is done in the precision of the matrix.
    eps : float
        Smallest Frobenius norm that is scaled to one; smaller matrices are divided by ``eps``, so zeros stay zeros.

    Returns
    -------
    Tensor, (..., m, n), 1
        New tensor with the dtype of ``matrix``; its singular values lie in the band of the coefficient set.

    Notes
    -----
    On the wide form, ``X <- a X + (b A + c A A) X`` with ``A = X X^T``: an odd polynomial acts on each singular value
    while the singular vectors stay.

    References
    ----------
    K. Jordan et al., Muon: an optimizer for hidden layers in neural networks (2024);
    N. Amsel et al., The Polar Express, arXiv:2505.16932.

    Examples
    --------
    >>> orthogonal = newton_schulz(torch.diag(torch.tensor([3.0, 1.0])), "taylor", steps=20)
    >>> bool(torch.allclose(orthogonal, torch.eye(2), atol=1e-5))
    True
    """
    return _on_wide_form(matrix, coefficients, steps, dtype, eps, iterate)


def gram_newton_schulz(
    matrix: Tensor,
    coefficients: str = "polar_express_5",
    *,
    steps: int | None = None,
    dtype: torch.dtype = torch.float32,
    eps: float = 1e-7,
) -> Tensor:
    """Newton-Schulz iteration run on the small Gram matrix ``X X^T``.

    The same polynomials as in `newton_schulz`, hence the same result up to rounding, with fewer operations when
    one side of the matrix is well over twice the other.

    Parameters
    ----------
    matrix : Tensor, (..., m, n), 1
        Matrix or stack of matrices.
    coefficients, steps, dtype, eps
        As in `newton_schulz`.

    Returns
    -------
    Tensor, (..., m, n), 1
        New tensor with the dtype of ``matrix``.

    Notes
    -----
    With ``p(G) = a I + b G + c G G`` the iteration is ``Q <- p(G) Q``, ``G <- p(G) G p(G)``, and ``X <- Q X`` at the
    end. Rounding of ``G`` is amplified by the slopes, so ``X`` and ``G`` are rebuilt on the way: after the first two
    steps and every three from there on, in half precision after the first step and every two from there on.

    Examples
    --------
    >>> wide = torch.arange(8.0).reshape(2, 4)
    >>> bool(torch.allclose(gram_newton_schulz(wide), newton_schulz(wide), atol=1e-4))
    True
    """
    return _on_wide_form(matrix, coefficients, steps, dtype, eps, iterate_gram)


def divisors(norms: list[Tensor], safety: float, eps: float) -> tuple[Tensor, ...]:
    """``safety max(norm, eps)`` of every norm."""
    floored: tuple[Tensor, ...] = torch._foreach_clamp_min(norms, eps)
    torch._foreach_mul_(floored, safety)
    return floored


def iterate(x: Tensor, triples: Sequence[Triple], scratch: Scratch | None = None) -> Tensor:
    """Run the polynomials on a stack of normalised wide matrices.

    Parameters
    ----------
    x : Tensor, (B, r, k), 1
        Contiguous, ``r <= k``; used as working memory, its content is lost.
    triples : sequence of (a, b, c)
        Coefficients of every step.
    scratch : Scratch, optional
        Lends working memory and the result; new memory if not given.

    Returns
    -------
    Tensor, (B, r, k), 1
    """
    scratch = scratch or Scratch()
    num, rows, _ = x.shape
    gram, quadratic = scratch.empty((2, num, rows, rows), x.dtype, x.device)
    spare = scratch.like(x)
    for a, b, c in triples:
        torch.bmm(x, x.mT, out=gram)
        if c == 0.0:
            torch.mul(gram, b, out=quadratic)
        else:
            torch.baddbmm(gram, gram, gram, beta=b, alpha=c, out=quadratic)
        torch.baddbmm(x, quadratic, x, beta=a, out=spare)
        x, spare = spare, x
    return x


def iterate_gram(x: Tensor, triples: Sequence[Triple], scratch: Scratch | None = None) -> Tensor:
    """Run the polynomials on the Gram matrices of a stack of normalised wide matrices.

    Parameters
    ----------
    x : Tensor, (B, r, k), 1
        ``r <= k``, normalised; contiguous, or the transpose of contiguous tall matrices. Used as working memory, its
        content is lost.
    triples : sequence of (a, b, c)
        Coefficients of every step.
    scratch : Scratch, optional
        Lends working memory and the result; new memory if not given.

    Returns
    -------
    Tensor, (B, r, k), 1
        Lies in memory as ``x`` does.
    """
    scratch = scratch or Scratch()
    is_tall = not x.is_contiguous()
    num, rows, _ = x.shape
    spare = scratch.like(x.mT).mT if is_tall else scratch.like(x)
    squares = scratch.empty((5, num, rows, rows), x.dtype, x.device).unbind()
    first, every = RESTARTS["half" if x.dtype.itemsize < 4 else "full"]
    cuts = [0, *range(first, len(triples), every), len(triples)]
    for start, stop in pairwise(cuts):
        torch.bmm(x, x.mT, out=squares[0])
        polynomial = _accumulated_polynomial(squares, triples[start:stop])
        if is_tall:
            torch.bmm(x.mT, polynomial.mT, out=spare.mT)
        else:
            torch.bmm(polynomial, x, out=spare)
        x, spare = spare, x
    return x


def _accumulated_polynomial(squares: Sequence[Tensor], triples: Sequence[Triple]) -> Tensor:
    """Product of the polynomials of successive Gram matrices, of which the first is ``squares[0]``; all (B, r, r)."""
    gram, quadratic, half, product, spare = squares
    for index, (a, b, c) in enumerate(triples):
        if c == 0.0:
            torch.mul(gram, b, out=quadratic)
        else:
            torch.baddbmm(gram, gram, gram, beta=b, alpha=c, out=quadratic)
        if index + 1 < len(triples):
            torch.baddbmm(gram, gram, quadratic, beta=a, out=half)
            torch.baddbmm(half, quadratic, half, beta=a, out=gram)
        if index == 0:
            product, quadratic = quadratic, product
            product.diagonal(dim1=-2, dim2=-1).add_(a)
        else:
            torch.baddbmm(product, quadratic, product, beta=a, out=spare)
            product, spare = spare, product
    return product


def _on_wide_form(
    matrix: Tensor,
    coefficients: str,
    steps: int | None,
    dtype: torch.dtype,
    eps: float,
    iteration: Callable[[Tensor, Sequence[Triple]], Tensor],
) -> Tensor:
    triples = schedule(coefficients, steps)
    check_precision(coefficients, dtype)
    wide = matrix.mT if matrix.shape[-2] > matrix.shape[-1] else matrix
    if matrix.numel() == 0:
        return torch.zeros_like(matrix)
    x = torch.empty(wide.shape, dtype=dtype, device=matrix.device)
    (divisor,) = divisors([frobenius_norm(wide)], COEFFICIENTS[coefficients].safety, eps)
    torch.div(wide, divisor, out=x)
    result = iteration(x.view(-1, *x.shape[-2:]), triples).view(wide.shape).to(matrix.dtype)
    return result.mT if wide is not matrix else result
