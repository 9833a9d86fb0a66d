from __future__ import annotations

import pytest

from collidium.artifact import InputError
from collidium.models import BACKBONES, backbone


def test_names_are_keys_and_unknown_ones_get_a_hint() -> None:
    assert all(info.name == key for key, info in BACKBONES.items())
    assert backbone("particle-transformer") is BACKBONES["particle-transformer"].config
    with pytest.raises(InputError, match="unknown backbone 'jetfomer': did you mean jetformer"):
        backbone("jetfomer")
