"""A plant file with sources."""

from chromatrace.plant import load_plant

MS = 1_772_352_000_000
_HEAD = """
schema = "chromatrace.plant/1"
name = "hall"
title = "Hall"
[[stations]]
id = "s1"
name = "Press"
[[products]]
gtin = "09521234543213"
name = "Part"
route = ["s1"]
[[channels]]
name = "line"
"""


def plant_of(folder, *sources, layouts=""):
    path = folder / "plant.toml"
    path.write_text("\n".join([_HEAD, layouts, *(f"[[sources]]\n{source}" for source in sources)]))
    return load_plant(path)
