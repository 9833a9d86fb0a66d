"""Recipes: Python functions that return a full configuration, one per published system."""

from collidium.recipes._chain import ChainConfig
from collidium.recipes._registry import RECIPES, Kind, Recipe, find_recipe

__all__ = ["RECIPES", "ChainConfig", "Kind", "Recipe", "find_recipe"]
