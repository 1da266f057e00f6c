"""Give style files the Gram matrices of their pictures, which trainings write since there is `restyle --optimise`.

    python train/style_grams.py [NAME ...]

Pictures are those that the recipes beside this file name; weights stay as they are.
"""

import sys
from pathlib import Path

from vidstyle.perception.style_grams import grams_of
from vidstyle.perception.tensors import load_style_image
from vidstyle.style_files import save_style
from vidstyle.styles import list_styles, load_style
from vidstyle.training.recipe import load_recipe

HERE = Path(__file__).parent

for name in sys.argv[1:] or [card.name for card in list_styles()]:
    recipe = HERE / f"{name}.toml"
    if not recipe.exists():
        print(f"{name}: no recipe here")
        continue
    style = load_style(name)
    of = load_recipe(recipe).style
    pictures = [load_style_image(path, of.shorter_side) for path in of.pictures]
    save_style(style.card.path, style.network, style.card, grams_of(*pictures))
    print(f"{name}: {len(pictures)} picture(s), {style.card.path.stat().st_size} bytes")
