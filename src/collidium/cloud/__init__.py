"""The particle cloud: one record for jets, whole events and generated samples, and how it lies on disk."""

from collidium.cloud._angles import delta_phi
from collidium.cloud._batching import BatchPlan, batches
from collidium.cloud._cloud import Cloud, PaddedCloud
from collidium.cloud._columns import COLUMNS, MOMENTUM_COLUMNS, REQUIRED_SCALARS, Column
from collidium.cloud._dataset import Dataset, DatasetWriter, columns_of
from collidium.cloud._features import FEATURES, Feature, ParticleColumns
from collidium.cloud._jets import Jets
from collidium.cloud._observables import jet_observables
from collidium.cloud._packing import make_cloud
from collidium.cloud._pairs import PAIR_FEATURES, PairKinematics, pair_features, pair_mass_squared
from collidium.cloud._schema import FEATURE_SETS, FeatureSchema, feature_set
from collidium.cloud._split import SPLITS, SplitName, event_ids, jet_ids, split_of

__all__ = [
    "COLUMNS",
    "FEATURES",
    "FEATURE_SETS",
    "MOMENTUM_COLUMNS",
    "PAIR_FEATURES",
    "REQUIRED_SCALARS",
    "SPLITS",
    "BatchPlan",
    "Cloud",
    "Column",
    "Dataset",
    "DatasetWriter",
    "Feature",
    "FeatureSchema",
    "Jets",
    "PaddedCloud",
    "PairKinematics",
    "ParticleColumns",
    "SplitName",
    "batches",
    "columns_of",
    "delta_phi",
    "event_ids",
    "feature_set",
    "jet_ids",
    "jet_observables",
    "make_cloud",
    "pair_features",
    "pair_mass_squared",
    "split_of",
]
