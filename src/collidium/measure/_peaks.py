"""Models of a peak on a background, by name: what recipes choose from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from collidium.artifact import unknown
from collidium.measure._family import Rescaled
from collidium.measure._mixture import Component
from collidium.measure._parameters import Parameter, Parameters
from collidium.measure._shapes import (
    Bernstein,
    BreitWigner,
    DoubleSidedCrystalBall,
    Exponential,
    ExponentialPolynomial,
    Gaussian,
    PowerLaw,
    Shape,
    Voigtian,
    Window,
)
from collidium.measure._smearing import Smeared

SIGNAL, BACKGROUND = "signal", "background"
# Particle Data Group: mass and width of the rho(770), masses of the Upsilons, GeV
_RHO = (0.77526, 0.1474)
_UPSILON_MASSES = {"1S": 9.4604, "2S": 10.0234, "3S": 10.3551}
# where a Gaussian core has no tail in reach
_NO_TAIL = 30.0


@dataclass(frozen=True, kw_only=True)
class PeakModel:
    """A peak, a background and where they are fitted.

    Attributes
    ----------
    signal : str
        A member of ``SIGNALS``.
    background : str
        A member of ``BACKGROUNDS``.
    window : Window
        Range of the mass.
    """

    signal: str
    background: str
    window: Window

    @property
    def label(self) -> str:
        """One line that says which."""
        return f"{self.signal} + {self.background}, {self.window.low:g}-{self.window.high:g} GeV"


Part = tuple[Component, tuple[Parameter, ...]]


def _part(name: str, shape: Shape, parameters: Sequence[Parameter], yields: str) -> Part:
    """A component whose shape has the parameters in this order."""
    named = dict(zip(shape.names, (parameter.name for parameter in parameters), strict=True))
    return Component(name=name, shape=shape, shape_parameters=named, yields=(yields,)), tuple(parameters)


def _core(mass: float, resolution: float) -> tuple[Parameter, Parameter]:
    """Mass and resolution, free."""
    return (
        Parameter(name="mass", init=mass, lower=mass - 8.0 * resolution, upper=mass + 8.0 * resolution),
        Parameter(name="resolution", init=resolution, lower=resolution / 6.0, upper=6.0 * resolution),
    )


def _held(name: str, value: float) -> Parameter:
    return Parameter(name=name, init=value, is_fixed=True)


def _alpha(side: str) -> Parameter:
    return Parameter(name=f"alpha_{side}", init=1.3, lower=0.3, upper=5.0)


def _gaussian(mass: float, width: float, resolution: float) -> Part:
    return _part(SIGNAL, Gaussian(), _core(mass, resolution), "events")


def _crystal_ball(mass: float, width: float, resolution: float) -> Part:
    high = (_held("alpha_high", _NO_TAIL), _held("power_high", 3.0))
    tails = (_alpha("low"), _held("power_low", 3.0), *high)
    return _part(SIGNAL, DoubleSidedCrystalBall(), (*_core(mass, resolution), *tails), "events")


def _double_crystal_ball(mass: float, width: float, resolution: float) -> Part:
    tails = (_alpha("low"), _held("power_low", 3.0), _alpha("high"), _held("power_high", 3.0))
    return _part(SIGNAL, DoubleSidedCrystalBall(), (*_core(mass, resolution), *tails), "events")


def _voigtian(mass: float, width: float, resolution: float) -> Part:
    core = _core(mass, resolution)
    return _part(SIGNAL, Voigtian(), (core[0], _held("width", width), core[1]), "events")


def _radiating(mass: float, width: float, resolution: float) -> Part:
    """A Breit-Wigner with a tail of soft photons, whose spectrum is 1 / energy: power 1."""
    core = _core(mass, resolution)
    tails = (_alpha("low"), _held("power_low", 1.0), _held("alpha_high", _NO_TAIL), _held("power_high", 3.0))
    return _part(SIGNAL, Smeared(DoubleSidedCrystalBall()), (core[0], _held("width", width), core[1], *tails), "events")


def _showering(power: float, mass: float, width: float, resolution: float) -> Part:
    """A Breit-Wigner with tails on either side: bremsstrahlung, and clusters that take energy from elsewhere."""
    core = _core(mass, resolution)
    tails = (_alpha("low"), _held("power_low", power), _alpha("high"), _held("power_high", 3.0))
    return _part(SIGNAL, Smeared(DoubleSidedCrystalBall()), (core[0], _held("width", width), core[1], *tails), "events")


def _upsilons(mass: float, width: float, resolution: float) -> tuple[Part, ...]:
    """Upsilon(1S) and, at their known ratios of masses, 2S and 3S: one scale, one relative resolution, one tail."""
    first, parameters = _crystal_ball(mass, width, resolution)
    others = (
        (
            Component(
                name=name,
                shape=Rescaled(first.shape, known / _UPSILON_MASSES["1S"]),
                shape_parameters=first.shape_parameters,
                yields=(f"events_{name}",),
            ),
            (),
        )
        for name, known in _UPSILON_MASSES.items()
        if name != "1S"
    )
    return ((first, parameters), *others)


def _alone(build: Callable[[float, float, float], Part]) -> Callable[[float, float, float], tuple[Part, ...]]:
    """A signal of one peak."""

    def peaks(mass: float, width: float, resolution: float) -> tuple[Part, ...]:
        return (build(mass, width, resolution),)

    return peaks


SIGNALS: dict[str, Callable[[float, float, float], tuple[Part, ...]]] = {
    "gaussian": _alone(_gaussian),
    "crystal-ball": _alone(_crystal_ball),
    "double-crystal-ball": _alone(_double_crystal_ball),
    "voigtian": _alone(_voigtian),
    "upsilon-family": _upsilons,
    "breit-wigner-radiating": _alone(_radiating),
    "breit-wigner-showering": _alone(partial(_showering, 3.0)),
    "breit-wigner-long-showering": _alone(partial(_showering, 2.0)),
}


def _coefficients(order: int, init: float, lower: float, upper: float) -> tuple[Parameter, ...]:
    return tuple(Parameter(name=f"c{k}", init=init, lower=lower, upper=upper) for k in range(1, order + 1))


def _smooth(shape: Shape, parameters: Sequence[Parameter]) -> tuple[Part, ...]:
    return (_part(BACKGROUND, shape, parameters, "background"),)


def _bernstein(order: int) -> tuple[Part, ...]:
    return _smooth(Bernstein(order), _coefficients(order, 1.0, 0.0, 100.0))


def _exponential_polynomial(order: int) -> tuple[Part, ...]:
    return _smooth(ExponentialPolynomial(order), _coefficients(order, 0.0, -100.0, 100.0))


def _with_rho() -> tuple[Part, ...]:
    """The broad rho(770) under the omega, beside a line."""
    rho = _part("rho", BreitWigner(), (_held("rho_mass", _RHO[0]), _held("rho_width", _RHO[1])), "rho")
    return (*_bernstein(1), rho)


BACKGROUNDS: dict[str, Callable[[], tuple[Part, ...]]] = {
    "exponential": lambda: _smooth(Exponential(), [Parameter(name="slope", init=0.0, lower=-50.0, upper=50.0)]),
    "power-law": lambda: _smooth(PowerLaw(), [Parameter(name="power", init=-1.0, lower=-50.0, upper=50.0)]),
    "exp-poly2": lambda: _exponential_polynomial(2),
    "exp-poly3": lambda: _exponential_polynomial(3),
    "bernstein1": lambda: _bernstein(1),
    "bernstein2": lambda: _bernstein(2),
    "bernstein3": lambda: _bernstein(3),
    "bernstein4": lambda: _bernstein(4),
    "rho+bernstein1": _with_rho,
}


def build_peak(
    model: PeakModel, *, mass: float, width: float, resolution: float, num_events: float
) -> tuple[Parameters, tuple[Component, ...]]:
    """Parameters and components of a model.

    Parameters
    ----------
    model : PeakModel
        Names of signal and background.
    mass, width, resolution : float, GeV
        Where the fit starts; the width is held.
    num_events : float
        Events in the window: start of the yields.

    Returns
    -------
    tuple
        Parameters, of which ``events`` is the signal's yield, and components, the signal first.

    Raises
    ------
    InputError
        For an unknown name.

    Examples
    --------
    >>> model = PeakModel(signal="gaussian", background="exponential", window=Window(3.5, 3.9))
    >>> build_peak(model, mass=3.686, width=0.0, resolution=0.03, num_events=100.0)[0].names
    ('events', 'background', 'mass', 'resolution', 'slope')
    """
    if model.signal not in SIGNALS:
        raise unknown("signal", model.signal, SIGNALS)
    if model.background not in BACKGROUNDS:
        raise unknown("background", model.background, BACKGROUNDS)
    peaks, others = SIGNALS[model.signal](mass, width, resolution), BACKGROUNDS[model.background]()
    rates = []
    for component, _ in peaks:
        start = 0.4 * num_events / len(peaks)
        rates.append(Parameter(name=component.yields[0], init=start, lower=-num_events, upper=math.inf))
    for component, _ in others:
        rates.append(Parameter(name=component.yields[0], init=0.6 * num_events / len(others), lower=0.0))
    shapes = [parameter for _, parameters in (*peaks, *others) for parameter in parameters]
    return Parameters([*rates, *shapes]), tuple(component for component, _ in (*peaks, *others))
