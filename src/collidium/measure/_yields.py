"""Expected events of each sample and region before and after a fit, with the errors of their sums."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collidium.measure._fit import FitResult
from collidium.measure._histfactory import HistFactory
from collidium.measure._parameters import Matrix, Vector
from collidium.measure._workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Yields:
    """Expected events of M bins at one point of the parameters.

    Attributes
    ----------
    samples : dict of str to ndarray, (M,), events
        Each sample, in the workspace's order.
    total, error : ndarray, (M,), events
        Their sum and its standard deviation.
    sum_error : float, events
        Standard deviation of the sum of all bins.
    """

    samples: dict[str, Vector]
    total: Vector
    error: Vector
    sum_error: float


@dataclass(frozen=True, kw_only=True)
class ChannelYields:
    """A region before and after a fit.

    Attributes
    ----------
    name : str
        The region.
    observed : ndarray, (M,), events
        Counts; NaN in blind bins.
    signal : tuple of str
        Samples that carry the parameter of interest.
    before, after : Yields
        At the starts of the parameters and their errors before the fit, and after it.
    """

    name: str
    observed: Vector
    signal: tuple[str, ...]
    before: Yields
    after: Yields


def channel_yields(
    workspace: Workspace, likelihood: HistFactory, result: FitResult, *, is_blind: NDArray[np.bool_] | None = None
) -> list[ChannelYields]:
    """Expected events of every region before and after a fit.

    Parameters
    ----------
    workspace : Workspace
        What the likelihood was built from.
    likelihood : HistFactory
        B bins.
    result : FitResult
        Its fit.
    is_blind : ndarray of bool, (B,), optional
        Bins whose counts are not shown.

    Returns
    -------
    list of ChannelYields
        In the order of the likelihood's channels.

    Notes
    -----
    Errors are sqrt(diag(J C J^T)) with the Jacobian J of the expected events and the covariance C of the parameters;
    before the fit C holds the variances of constrained parameters alone.

    Examples
    --------
    >>> from collidium.measure import HistFactory, Workspace, fit
    >>> sample = {"name": "b", "data": [4.0], "modifiers": [{"name": "n", "type": "normfactor", "data": None}]}
    >>> workspace = Workspace.parse({
    ...     "channels": [{"name": "sr", "samples": [sample]}],
    ...     "observations": [{"name": "sr", "data": [9.0]}],
    ...     "measurements": [{"name": "m", "config": {"poi": "n", "parameters": []}}],
    ...     "version": "1.0.0",
    ... })
    >>> likelihood = HistFactory.of(workspace)
    >>> after = channel_yields(workspace, likelihood, fit(likelihood))[0].after
    >>> after.total.round(6), after.error.round(6)
    (array([9.]), array([3.]))
    """
    width = likelihood.parameters.width
    prior = np.diag(np.where(np.isfinite(width) & ~result.is_held, width, 0.0) ** 2)
    before = _yields(workspace, likelihood, likelihood.parameters.init, prior)
    after = _yields(workspace, likelihood, result.theta, np.nan_to_num(result.covariance))
    observed = likelihood.observed.copy()
    if is_blind is not None:
        observed[is_blind] = np.nan
    signal = {
        channel.name: tuple(
            sample.name
            for sample in channel.samples
            if any(m.name == likelihood.poi and m.type == "normfactor" for m in sample.modifiers)
        )
        for channel in workspace.channels
    }
    return [
        ChannelYields(
            name=channel.name,
            observed=observed[channel.start : channel.stop],
            signal=signal[channel.name],
            before=before[channel.name],
            after=after[channel.name],
        )
        for channel in likelihood.channels
    ]


def _yields(workspace: Workspace, likelihood: HistFactory, theta: Vector, covariance: Matrix) -> dict[str, Yields]:
    """Expected events of the channels at a point, with errors from a covariance."""
    rates = likelihood.model.rates(theta)
    jacobian = likelihood.model.jacobian(theta, rates)
    found, cell, start = {}, 0, 0
    for channel in workspace.channels:
        M = channel.num_bins
        samples = {}
        for sample in channel.samples:
            samples[sample.name] = rates.cells[cell : cell + M]
            cell += M
        rows = jacobian[start : start + M]
        variance = np.einsum("bi,ij,bj->b", rows, covariance, rows, optimize=True)
        total = rows.sum(axis=0)
        found[channel.name] = Yields(
            samples=samples,
            total=rates.bins[start : start + M],
            error=np.sqrt(np.maximum(variance, 0.0)),
            sum_error=float(np.sqrt(max(float(total @ covariance @ total), 0.0))),
        )
        start += M
    return found
