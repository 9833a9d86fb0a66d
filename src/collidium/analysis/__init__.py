"""From predictions of a tagger to a binned measurement of a signal strength."""

from collidium.analysis._config import TemplatesConfig
from collidium.analysis._four_tops import FourTopRegion, four_top_document, score_region
from collidium.analysis._pseudo_data import Split, split_jets
from collidium.analysis._pulls import Pull, pulls
from collidium.analysis._regions import CONTROL_REGION, SIGNAL_REGION, Region, regions
from collidium.analysis._stage import TEMPLATES_NAME, make_templates
from collidium.analysis._templates import Templates, score_templates

__all__ = [
    "CONTROL_REGION",
    "SIGNAL_REGION",
    "TEMPLATES_NAME",
    "FourTopRegion",
    "Pull",
    "Region",
    "Split",
    "Templates",
    "TemplatesConfig",
    "four_top_document",
    "make_templates",
    "pulls",
    "regions",
    "score_region",
    "score_templates",
    "split_jets",
]
