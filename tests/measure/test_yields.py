from __future__ import annotations

from typing import Any

import numpy as np

from collidium.measure import HistFactory, Workspace, channel_yields, fit


def test_samples_add_up_to_the_fit(every_modifier: dict[str, Any]) -> None:
    workspace = Workspace.parse(every_modifier)
    likelihood = HistFactory.of(workspace)
    result = fit(likelihood)
    regions = channel_yields(workspace, likelihood, result)
    assert [region.name for region in regions] == ["control_region", "signal_region"]
    for region, bins in zip(regions, likelihood.channels, strict=True):
        for yields, theta in ((region.after, result.theta), (region.before, likelihood.parameters.init)):
            np.testing.assert_allclose(sum(yields.samples.values()), yields.total, rtol=1e-12)
            np.testing.assert_array_equal(yields.total, likelihood.expected(theta)[bins.start : bins.stop])
    assert list(regions[1].after.samples) == ["signal", "tt", "fakes"]
    assert regions[1].signal == ("signal",)
    assert regions[0].signal == ()


def test_errors_are_those_of_draws_from_the_covariance(every_modifier: dict[str, Any]) -> None:
    workspace = Workspace.parse(every_modifier)
    likelihood = HistFactory.of(workspace)
    result = fit(likelihood)
    small = 1e-3 * np.random.default_rng(0).multivariate_normal(
        np.zeros(len(result.theta)), np.nan_to_num(result.covariance), 4000, method="svd"
    )
    bins = np.array([likelihood.expected(result.theta + step) for step in small])
    regions = channel_yields(workspace, likelihood, result)
    error = np.concatenate([region.after.error for region in regions])
    np.testing.assert_allclose(1e3 * bins.std(axis=0), error, rtol=0.06)
    np.testing.assert_allclose(1e3 * bins[:, 2:].sum(axis=1).std(), regions[1].after.sum_error, rtol=0.06)


def test_blind_bins_have_no_count(every_modifier: dict[str, Any]) -> None:
    workspace = Workspace.parse(every_modifier)
    likelihood = HistFactory.of(workspace)
    is_blind = np.array([False, False, True, False, False])
    regions = channel_yields(workspace, likelihood, fit(likelihood), is_blind=is_blind)
    np.testing.assert_array_equal(regions[1].observed, [np.nan, 33.0, 16.0])
