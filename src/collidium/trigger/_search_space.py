"""What a search may vary, for each kind of network."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

from collidium.artifact import InputError
from collidium.trigger._beta import CostTarget
from collidium.trigger._fit_config import FitConfig
from collidium.trigger._interaction import InteractionConfig
from collidium.trigger._mlp import MLPConfig
from collidium.trigger._muon_tracker import MuonTrackerConfig
from collidium.trigger._network_config import LayerKind, NetworkConfig
from collidium.trigger._particles import DeepSetsConfig, JetFormerConfig, ParticleMLPConfig
from collidium.trigger._quantizer_config import QuantizerConfig
from collidium.trigger._softmax import AttentionConfig

Value: TypeAlias = int | float | str
_RANGES = ("bits", "pressure", "depth", "blocks")
_LEAST: Mapping[str, float] = MappingProxyType({"bits": -12, "pressure": 1e-6})
_Config = TypeVar("_Config", NetworkConfig, AttentionConfig)


@dataclass(frozen=True)
class Choice:
    """One of several values, of which none is between two others.

    Attributes
    ----------
    values : tuple of int or str
        At least one.
    """

    values: tuple[int, ...] | tuple[str, ...]


@dataclass(frozen=True)
class IntegerRange:
    """A whole number.

    Attributes
    ----------
    low, high : int
        Both included.
    """

    low: int
    high: int


@dataclass(frozen=True)
class LogRange:
    """A positive number, even in its logarithm.

    Attributes
    ----------
    low, high : float
        Both included.
    """

    low: float
    high: float


Dimension: TypeAlias = Choice | IntegerRange | LogRange


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """What may vary in every network.

    Attributes
    ----------
    bits : (int, int)
        Lowest and highest number of bits that are added to the recipe's trained fractional bits at the start.
    pressure : (float, float)
        Lowest and highest factor on the recipe's pressure; a target of the cost is divided by it.

    Raises
    ------
    InputError
        If a range is upside down or empty, or a number is not possible.
    """

    bits: tuple[int, int] = (-3, 1)
    pressure: tuple[float, float] = (0.3, 10.0)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, least = getattr(self, field.name), _LEAST.get(field.name, 1)
            if not value or (field.name in _RANGES and value[0] > value[1]):
                wanted = "the lowest and the highest value" if field.name in _RANGES else "at least one value"
                raise InputError(f"space.{field.name} is {value}: {wanted} is needed")
            if any(number < least for number in value if not isinstance(number, str)):
                raise InputError(f"space.{field.name} is {value}: values of at least {least} are needed")

    @abstractmethod
    def shape(self) -> dict[str, Dimension]:
        """Dimensions of the network's shape."""

    @abstractmethod
    def with_shape(self, network: Any, values: Mapping[str, Any]) -> NetworkConfig:
        """A network of another shape."""

    def dimensions(self) -> dict[str, Dimension]:
        """All dimensions by name, always the same ones: layers beyond the depth are drawn and not used.

        Returns
        -------
        dict of str to Choice, IntegerRange or LogRange
        """
        return {**self.shape(), "bits": IntegerRange(*self.bits), "pressure": LogRange(*self.pressure)}

    def network(self, base: NetworkConfig, values: Mapping[str, Any]) -> NetworkConfig:
        """The network of a point of the space.

        Parameters
        ----------
        base : NetworkConfig
            The recipe's network, for all that does not vary.
        values : mapping of str to int, float or str
            One for each dimension.

        Returns
        -------
        NetworkConfig
        """
        return _with_bits(self.with_shape(base, values), int(values["bits"]))

    def fit(self, base: FitConfig, values: Mapping[str, Any]) -> FitConfig:
        """The training of a point of the space; arguments as for :meth:`network`."""
        factor, pressure = float(values["pressure"]), base.pressure
        if isinstance(pressure, CostTarget):
            return replace(base, pressure=replace(pressure, ebops=pressure.ebops / factor))
        points = tuple((place, beta * factor) for place, beta in pressure.points)
        return replace(base, pressure=replace(pressure, points=points))


@dataclass(frozen=True, kw_only=True)
class MLPSpace(SearchSpace):
    """Perceptrons.

    Attributes
    ----------
    depth : (int, int)
        Fewest and most hidden layers.
    widths : tuple of int
        Hidden widths, drawn for each layer.
    kinds : tuple of {"dense", "lut"}
        Kinds of layers; drawn for each layer if there are two.

    Examples
    --------
    >>> space = MLPSpace(depth=(1, 2), widths=(4, 8))
    >>> list(space.dimensions())
    ['depth', 'width_1', 'width_2', 'bits', 'pressure']
    >>> values = {"depth": 1, "width_1": 8, "width_2": 4, "bits": -1, "pressure": 2.0}
    >>> network = space.network(MLPConfig(), values)
    >>> network.widths, network.weight.f
    ((8,), 5.0)
    """

    depth: tuple[int, int] = (1, 3)
    widths: tuple[int, ...] = (8, 12, 16, 24, 32, 48, 64)
    kinds: tuple[LayerKind, ...] = ("dense",)

    def shape(self) -> dict[str, Dimension]:
        """Depth, widths, and kinds where there are several."""
        found = _layers(self.depth, self.widths)
        if len(self.kinds) > 1:
            found |= {f"kind_{layer}": Choice(self.kinds) for layer in (*range(1, self.depth[1] + 1), "last")}
        return found

    def with_shape(self, network: MLPConfig, values: Mapping[str, Any]) -> MLPConfig:
        """Another perceptron."""
        widths, kinds = _widths(values), self.kinds
        if len(kinds) > 1:
            kinds = tuple(values[f"kind_{layer}"] for layer in (*range(1, len(widths) + 1), "last"))
        return replace(network, widths=widths, kinds=kinds)


@dataclass(frozen=True, kw_only=True)
class ParticleMLPSpace(SearchSpace):
    """Perceptrons on the features of all particles in a row.

    Attributes
    ----------
    depth : (int, int)
        Fewest and most hidden layers.
    widths : tuple of int
        Hidden widths, drawn for each layer.
    """

    depth: tuple[int, int] = (1, 3)
    widths: tuple[int, ...] = (8, 16, 24, 32, 48, 64)

    def shape(self) -> dict[str, Dimension]:
        """Depth and widths."""
        return _layers(self.depth, self.widths)

    def with_shape(self, network: ParticleMLPConfig, values: Mapping[str, Any]) -> ParticleMLPConfig:
        """Another perceptron."""
        return replace(network, head=_widths(values))


@dataclass(frozen=True, kw_only=True)
class DeepSetsSpace(SearchSpace):
    """Permutation-invariant networks.

    Attributes
    ----------
    depth : (int, int)
        Fewest and most layers on particles.
    widths : tuple of int
        Their widths, drawn for each layer.
    heads : tuple of int
        Hidden widths after the pooling.
    """

    depth: tuple[int, int] = (1, 3)
    widths: tuple[int, ...] = (8, 12, 16, 24, 32)
    heads: tuple[int, ...] = (8, 16, 32)

    def shape(self) -> dict[str, Dimension]:
        """Depth, widths and the head."""
        return {**_layers(self.depth, self.widths), "head": Choice(self.heads)}

    def with_shape(self, network: Any, values: Mapping[str, Any]) -> NetworkConfig:
        """Another network on particles."""
        changed: DeepSetsConfig = replace(network, widths=_widths(values), head=(values["head"],))
        return changed


@dataclass(frozen=True, kw_only=True)
class InteractionSpace(DeepSetsSpace):
    """Interaction networks.

    Attributes
    ----------
    pair_features : tuple of int
        Features of a pair of particles.
    """

    depth: tuple[int, int] = (1, 2)
    pair_features: tuple[int, ...] = (4, 6, 8, 12)

    def shape(self) -> dict[str, Dimension]:
        """Pairs, then as in Deep Sets."""
        return {"pair_features": Choice(self.pair_features), **super().shape()}

    def with_shape(self, network: Any, values: Mapping[str, Any]) -> InteractionConfig:
        """Another interaction network."""
        widths, head = _widths(values), (values["head"],)
        changed: InteractionConfig = replace(network, pair_features=values["pair_features"], widths=widths, head=head)
        return changed


@dataclass(frozen=True, kw_only=True)
class JetFormerSpace(SearchSpace):
    """Small transformers.

    Attributes
    ----------
    blocks : (int, int)
        Fewest and most blocks.
    widths : tuple of int
        Features of a particle inside.
    num_heads, head_sizes : tuple of int
        Heads of the attention, and features of each.
    feed_forward : tuple of int
        Hidden widths of the feed-forward layers.
    heads : tuple of int
        Hidden widths after the pooling.
    """

    blocks: tuple[int, int] = (1, 2)
    widths: tuple[int, ...] = (4, 8, 12, 16)
    num_heads: tuple[int, ...] = (1, 2, 4)
    head_sizes: tuple[int, ...] = (2, 4, 8)
    feed_forward: tuple[int, ...] = (8, 16, 32)
    heads: tuple[int, ...] = (8, 16, 32)

    def shape(self) -> dict[str, Dimension]:
        """Blocks, widths, heads."""
        return {
            "blocks": IntegerRange(*self.blocks),
            "width": Choice(self.widths),
            "num_heads": Choice(self.num_heads),
            "head_size": Choice(self.head_sizes),
            "feed_forward": Choice(self.feed_forward),
            "head": Choice(self.heads),
        }

    def with_shape(self, network: JetFormerConfig, values: Mapping[str, Any]) -> JetFormerConfig:
        """Another transformer."""
        return replace(
            network,
            num_blocks=values["blocks"],
            width=values["width"],
            attention=replace(network.attention, num_heads=values["num_heads"], head_size=values["head_size"]),
            feed_forward=values["feed_forward"],
            head=(values["head"],),
        )


@dataclass(frozen=True, kw_only=True)
class MuonSpace(SearchSpace):
    """Muon trackers: the perceptron behind the stations.

    Attributes
    ----------
    depth : (int, int)
        Fewest and most hidden layers.
    widths : tuple of int
        Hidden widths, drawn for each layer.
    """

    depth: tuple[int, int] = (1, 3)
    widths: tuple[int, ...] = (8, 14, 20, 28, 40)

    def shape(self) -> dict[str, Dimension]:
        """Depth and widths."""
        return _layers(self.depth, self.widths)

    def with_shape(self, network: MuonTrackerConfig, values: Mapping[str, Any]) -> MuonTrackerConfig:
        """Another tracker."""
        return replace(network, widths=_widths(values))


SPACES: Mapping[type[NetworkConfig], type[SearchSpace]] = MappingProxyType(
    {
        MLPConfig: MLPSpace,
        ParticleMLPConfig: ParticleMLPSpace,
        DeepSetsConfig: DeepSetsSpace,
        InteractionConfig: InteractionSpace,
        JetFormerConfig: JetFormerSpace,
        MuonTrackerConfig: MuonSpace,
    }
)


def space_of(network: NetworkConfig) -> SearchSpace:
    """The space of a network's kind, with the kinds of its layers.

    Parameters
    ----------
    network : NetworkConfig
        A recipe's.

    Returns
    -------
    SearchSpace

    Raises
    ------
    InputError
        If there is none for its kind.

    Examples
    --------
    >>> space_of(MLPConfig(kinds=("lut",))).kinds
    ('lut',)
    """
    kind = SPACES.get(type(network))
    if kind is None:
        names = ", ".join(known.__name__ for known in SPACES)
        raise InputError(f"{type(network).__name__} has no search space; there is one for {names}")
    if isinstance(network, MLPConfig):
        kinds = tuple(dict.fromkeys(network.kinds))
        return MLPSpace(kinds=kinds, widths=(4, 8, 12, 16, 20, 24)) if "lut" in kinds else MLPSpace(kinds=kinds)
    return kind()


def _layers(depth: tuple[int, int], widths: tuple[int, ...]) -> dict[str, Dimension]:
    return {
        "depth": IntegerRange(*depth),
        **{f"width_{layer}": Choice(widths) for layer in range(1, depth[1] + 1)},
    }


def _widths(values: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(values[f"width_{layer}"] for layer in range(1, values["depth"] + 1))


def _with_bits(config: _Config, bits: int) -> _Config:
    """Add bits to the start of every trained quantizer but the inputs', also those of the attention."""
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if isinstance(value, AttentionConfig):
            changed[field.name] = _with_bits(value, bits)
        elif isinstance(value, QuantizerConfig) and value.is_trained and field.name != "entry":
            changed[field.name] = replace(value, f=min(max(value.f + bits, value.f_min), value.f_max))
    return replace(config, **changed)
