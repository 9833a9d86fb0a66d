"""Combine's counting cards: what they say, by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.measure import AsymptoticTest, HistFactory, fit, parse_datacard

CARD = """\
# a comment
imax 2  channels
jmax *
kmax 3
---------
bin          high   low
observation   11     40
---------
bin          high   high   high  low   low
process      sig    dy     top   sig   top
process      0      1      2     0     2
rate         5.0    2.0    4.8   1.0   33
---------
lumi   lnN   1.1    1.1    -     1.1   -       trailing words
scale  lnN   -      0.8/1.3 -    -     -
side   gmN 16 -     -      0.3   -     -
tnorm  rateParam low top 1.0 [0.2,3]
"""


def card(*replaced: tuple[str, str]) -> HistFactory:
    text = CARD
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    return HistFactory.of(parse_datacard(text, source="card.txt"))


def at(likelihood: HistFactory, **values: float) -> np.ndarray:
    theta = likelihood.parameters.init.copy()
    for name, value in values.items():
        theta[likelihood.parameters.index(name)] = value
    return theta


def test_rates_are_combine_s() -> None:
    likelihood = card()
    assert likelihood.poi == "r"
    expected = likelihood.expected(at(likelihood, r=2.0, lumi=-1.5, scale=0.7, side=1.25, tnorm=0.5))
    lumi = 1.1**-1.5
    np.testing.assert_allclose(expected[0], 2 * 5.0 * lumi + 2.0 * lumi * 1.3**0.7 + 0.3 * 16 * 1.25, rtol=1e-12)
    np.testing.assert_allclose(expected[1], 2 * 1.0 * lumi + 33 * 0.5, rtol=1e-12)


def test_asymmetric_factors_change_smoothly_inside_of_half_a_deviation() -> None:
    likelihood = card()
    theta = 0.2
    up, down = math.log(1.3), -math.log(0.8)
    x = 2 * theta
    smooth = 0.125 * x * (x * x * (3 * x * x - 10) + 15)
    factor = math.exp(theta * ((up + down) / 2 + smooth * (up - down) / 2))
    change = likelihood.expected(at(likelihood, scale=theta))[0] - likelihood.expected(at(likelihood))[0]
    assert change == pytest.approx(2.0 * (factor - 1.0), rel=1e-12)


def test_a_symmetric_factor_is_an_exponential_everywhere() -> None:
    likelihood = card()
    for theta in (-2.0, -0.3, 0.1, 1.0):
        expected = likelihood.expected(at(likelihood, lumi=theta))
        assert expected[0] == pytest.approx(7.0 * 1.1**theta + 4.8, rel=1e-12)


def test_a_sideband_is_a_poisson_constraint() -> None:
    likelihood = card()
    difference = likelihood.nll(at(likelihood, side=1.5)) - likelihood.nll(at(likelihood))
    own = (16 * 1.5 - 16 * math.log(1.5)) - 16
    nu, other = 14.2, 11.8
    counts = (nu - 11 * math.log(nu)) - (other - 11 * math.log(other))
    assert difference == pytest.approx(own + counts, rel=1e-12)


def test_an_empty_sideband() -> None:
    likelihood = card(("gmN 16", "gmN 0"), ("4.8   1.0", "0.0   1.0"))
    theta = at(likelihood, side=0.7)
    assert likelihood.expected(theta)[0] == pytest.approx(7.0 + 0.3 * 0.7)
    # nothing seen: the sideband adds its expectation to the likelihood, and its best value is the bound
    assert likelihood.nll(theta) - likelihood.nll(at(likelihood, side=0.2)) > 0.0
    assert fit(likelihood, fixed={"r": 1.0})["side"] < 0.5


def test_published_cards(shared_data: Callable[[str], Path]) -> None:
    folder = "combine-counting-cards"
    simple = HistFactory.read(shared_data(f"{folder}/simple-counting-experiment.txt"))
    assert simple.expected(at(simple, r=2.0, deltaB=1.0))[0] == pytest.approx(2 * 4.76 + 1.47 * 1.5)
    real = HistFactory.read(shared_data(f"{folder}/realistic-counting-experiment.txt"))
    expected = 1.47 * 1.11 * 1.16 + 0.16 * 4 + 0.06 * 1.11 + 0.22
    assert real.expected(at(real, lumi=1.0, xs_ggH=1.0))[0] == pytest.approx(expected)
    multi = HistFactory.read(shared_data(f"{folder}/realistic-multi-channel.txt"))
    channels = {channel.name: channel.start for channel in multi.channels}
    found = multi.expected(at(multi, tauid=1.0, QCDel=-1.0))
    assert found[channels["e_tau"]] == pytest.approx((0.34 + 190) * 1.23 + 327 / 1.2)
    assert found[channels["e_mu"]] == pytest.approx(0.15 + 88 + 14)
    for name in ("simple-counting-experiment", "simple-multi-channel", "realistic-counting-experiment"):
        likelihood = HistFactory.read(shared_data(f"{folder}/{name}.txt"))
        limit = AsymptoticTest(likelihood, "r").upper_limit().observed
        assert 0.3 < limit < 5.0


def test_a_known_background_and_no_events_give_the_closed_form() -> None:
    # n = 0: q~ = 2 r s and the Asimov statistic is 2 (r s - b ln(1 + r s / b))
    text = "imax 1\nbin a\nobservation 0\nbin a a\nprocess s b\nprocess 0 1\nrate 2 1\nnone lnN - 1.0000001\n"
    found = AsymptoticTest(HistFactory.of(parse_datacard(text)), "r").cls(1.2)
    assert found.q == pytest.approx(2 * 2.4, abs=1e-5)
    # without signal the best Asimov expectation is the background
    assert found.q_asimov == pytest.approx(2 * (2.4 - math.log(3.4)), abs=1e-5)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("imax 2", "imax 3", "line 2 states imax 3, the card has 2"),
        ("kmax 3", "kmax 2", "line 4 states kmax 2, the card has 3"),
        ("observation   11     40", "observation 11", "line 7 has 1 observations for 2 bins"),
        ("observation   11", "observation   -1", "line 7 has -1 for 'high', which has no shapes of data_obs"),
        ("observation   11", "observation   nan", "line 7 has 'nan' where a finite number"),
        ("high   high   high  low", "high   high   mid  low", "line 9 has the bin 'mid', which has no observation"),
        ("sig    dy     top   sig", "sig    sig    top   sig", "names a process twice in one bin"),
        ("rate         5.0    2.0    4.8   1.0   33", "rate 5.0 2.0", "line 12 has 2 entries for 5 processes"),
        ("33\n", "x\n", "line 12 has 'x' where a finite number is needed"),
        (
            "lumi   lnN",
            "lumi   lnU",
            "has the systematic 'lumi' of type 'lnU'; allowed are lnN, gmN, shape, rateParam, param",
        ),
        ("scale  lnN", "lumi  lnN", "line 15 names a systematic 'lumi', which is taken"),
        ("0.8/1.3", "0/1.3", "line 15 has the factor '0/1.3'; positive ones"),
        ("gmN 16", "gmN 30", "says 30 times 0.3 of process 'top', whose rate is 4.8"),
        ("low top 1.0", "low dy 1.0", "has a rateParam of process 'dy' in bin 'low', which does not exist"),
        ("[0.2,3]", "[2,3]", "starts 'tnorm' at 1, outside its bounds [2, 3]"),
        ("# a comment", "shapes * * file.root", "line 1 has too few words; process, channel, file and object"),
        ("# a comment", "shapes * * absent.root $PROCESS", "absent.root: no such file"),
        ("side   gmN", "shapes * * x.root h\nside   gmN", "line 16 has shapes; they have to come before the rates"),
        ("tnorm  rateParam", "x discrete\ntnorm  rateParam", "has the systematic 'x' of type 'discrete'"),
    ],
)
def test_cards_that_are_wrong_name_the_line(old: str, new: str, words: str) -> None:
    assert old in CARD
    with pytest.raises(InputError) as error:
        HistFactory.of(parse_datacard(CARD.replace(old, new, 1), source="card.txt"))
    assert str(error.value).startswith("card.txt: ")
    assert words in str(error.value)


def test_formulas_of_rates_are_the_published_abcd() -> None:
    # the background of A is B C / D: with the fitted sidebands 50 * 100 / 500
    text = """\
imax 4
jmax 0
kmax *
bin B C D A
observation 50 100 500 10
bin B C D A
process bkg bkg bkg bkg
process 1 1 1 1
rate 1 1 1 1
alpha rateParam A bkg (@0*@1/@2) beta,gamma,delta
beta rateParam B bkg 40 [0,1000]
gamma rateParam C bkg 110 [0,1000]
delta rateParam D bkg 450 [0,2000]
"""
    likelihood = HistFactory.of(parse_datacard(text))
    assert set(likelihood.parameters.names) == {"beta", "gamma", "delta"}
    result = fit(likelihood)
    assert result["beta"] * result["gamma"] / result["delta"] == pytest.approx(10.0, abs=1e-4)
    assert result["delta"] == pytest.approx(500.0, abs=1e-2)


def test_a_constrained_rate_and_a_wildcard() -> None:
    likelihood = card(
        ("tnorm  rateParam low top 1.0 [0.2,3]", "tnorm rateParam * t?p 1.0\ntnorm param 1.0 0.2"), ("kmax 3", "kmax 4")
    )
    assert likelihood.parameters["tnorm"].width == 0.2
    change = likelihood.expected(at(likelihood, tnorm=1.5)) - likelihood.expected(at(likelihood))
    np.testing.assert_allclose(change, [0.5 * 4.8, 0.5 * 33.0])


def test_groups_are_kept_and_checked() -> None:
    workspace = parse_datacard(CARD + "theory group = lumi scale\ntheory group += side\n")
    assert workspace.groups == {"theory": ("lumi", "scale", "side")}
    with pytest.raises(InputError, match="has the group 'theory' with 'spam', which the card does not hold"):
        parse_datacard(CARD + "theory group = spam\n")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a rateParam low top @0*@1 tnorm", "formula '@0*@1' has @1; it is given 1 arguments"),
        ("a rateParam low top @0*@1 tnorm,spam", "has a formula of 'spam', which is neither a rateParam nor a param"),
        ("a rateParam low top (@0+ tnorm", "formula '(@0+' is malformed"),
        ("a rateParam low top sin(@0) tnorm", "has 'sin(@0)'; numbers, names"),
        ("a param 0", "has a param; mean and standard deviation"),
        ("a param 0 0", "has a standard deviation of 0"),
        ("a shape 1 - - - -", "varies the template of 'sig' in 'high', which has none"),
        ("* autoMCStats 10", "is of bin 'high', where 'sig' has no template"),
        ("* autoMCStats 10 0 2", "has the mode '2' of histograms"),
        ("a group lumi", "NAME group = MEMBERS is needed"),
    ],
)
def test_other_lines_that_are_wrong(line: str, words: str) -> None:
    text = CARD.replace("kmax 3", "kmax *") + line + "\n"
    with pytest.raises(InputError) as error:
        HistFactory.of(parse_datacard(text, source="card.txt"))
    assert str(error.value).startswith("card.txt: line ")
    assert words in str(error.value)


def test_a_card_that_ends_early() -> None:
    with pytest.raises(InputError, match="a datacard needs the lines bin, observation"):
        parse_datacard("imax 1\nbin a\nobservation 1\n")
