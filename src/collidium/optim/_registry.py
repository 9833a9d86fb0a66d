"""The members of the family, one frozen record each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from collidium.optim._adago import ADAGO_INFO
from collidium.optim._adamuon import ADAMUON_INFO
from collidium.optim._adamw import ADAMW_INFO
from collidium.optim._adaptive_memory import ADAPTIVE_MEMORY_ADAMW_INFO, ADAPTIVE_MEMORY_SGD_INFO
from collidium.optim._ademamix import ADEMAMIX_INFO
from collidium.optim._auon import AUON_INFO, HYBRID_AUON_INFO
from collidium.optim._conda import CONDA_INFO
from collidium.optim._drop_muon import DROP_MUON_INFO
from collidium.optim._fismo import FISMO_INFO
from collidium.optim._hyperp import HYPERP_INFO
from collidium.optim._info import OptimizerInfo
from collidium.optim._lanton import LANTON_INFO
from collidium.optim._lion import LION_INFO
from collidium.optim._lipschitz import LIPSCHITZ_ADAMW_INFO, LIPSCHITZ_MUON_INFO
from collidium.optim._mars import MARS_M_INFO
from collidium.optim._moonlight import MOONLIGHT_INFO, MUON_MUP_INFO
from collidium.optim._muon import MUON_INFO
from collidium.optim._muon_8bit import MUON_8BIT_INFO
from collidium.optim._muon_clip import MUON_CLIP_INFO
from collidium.optim._muon_plus_plus import MUON_PLUS_PLUS_INFO
from collidium.optim._namo import NAMO_D_INFO, NAMO_INFO
from collidium.optim._normuon import NORMUON_INFO
from collidium.optim._reg import REG_INFO
from collidium.optim._signum import SIGNUM_INFO
from collidium.optim._spectra import SPECTRA_ADAMW_INFO, SPECTRA_ADEMAMIX_INFO, SPECTRA_MUON_INFO, SPECTRA_SIGNUM_INFO

RECORDS: tuple[OptimizerInfo, ...] = (
    ADAMW_INFO,
    MUON_INFO,
    MOONLIGHT_INFO,
    MUON_MUP_INFO,
    NORMUON_INFO,
    ADAMUON_INFO,
    MARS_M_INFO,
    ADAGO_INFO,
    NAMO_INFO,
    NAMO_D_INFO,
    REG_INFO,
    AUON_INFO,
    HYBRID_AUON_INFO,
    CONDA_INFO,
    FISMO_INFO,
    SIGNUM_INFO,
    LION_INFO,
    ADEMAMIX_INFO,
    MUON_8BIT_INFO,
    HYPERP_INFO,
    SPECTRA_ADAMW_INFO,
    SPECTRA_SIGNUM_INFO,
    SPECTRA_ADEMAMIX_INFO,
    SPECTRA_MUON_INFO,
    LIPSCHITZ_MUON_INFO,
    LIPSCHITZ_ADAMW_INFO,
    DROP_MUON_INFO,
    MUON_CLIP_INFO,
    LANTON_INFO,
    ADAPTIVE_MEMORY_SGD_INFO,
    ADAPTIVE_MEMORY_ADAMW_INFO,
    MUON_PLUS_PLUS_INFO,
)
OPTIMIZERS: Mapping[str, OptimizerInfo] = MappingProxyType({info.name: info for info in RECORDS})
