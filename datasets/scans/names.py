"""What the header of a table calls its columns: `name_columns(lines, separator, width)`.

Known are the names of CloudCompare, ParaView, pandas, LAStools and surveyors; a unit may stand behind one ("X [mm]").
"""
import re

NAMES = {"r": "red", "g": "green", "b": "blue", "rf": "red", "gf": "green", "bf": "blue", "i": "intensity",
         "scalar_field": "scalar", "class": "label", "": "index"}
SURVEYED = {"easting": "x", "east": "x", "northing": "y", "north": "y", "elevation": "z", "altitude": "z",
            "height": "z"}  # where nothing is called x, y or z
AXIS = re.compile(r"(?:(?:points?|coord(?:inate)?s?|pos(?:ition)?s?|xyz|location)[:_. \[]*)?([xyz012])\]?"
                  r"(?:[ _]?(?:coord(?:inate)?s?|pos(?:ition)?))?")
COLOR = re.compile(r"(?:rgb|colou?rs?)[:_. \[]*([rgb012])\]?")
UNIT = re.compile(r"[\[(_ ]\s*(mm|millimet\w+|cm|centimet\w+|m|met\w+|ft|foot|feet|inch\w*)\s*[\])]?$")
UNITS = {"mi": "mm", "mm": "mm", "ce": "cm", "cm": "cm", "m": "m", "me": "m", "ft": "foot", "fo": "foot", "fe": "foot",
         "in": "inch"}


def name_columns(lines: list[str], separator: str | None, width: int) -> tuple[list[str] | None, str | None, str]:
    """Names of a table's `width` columns, the unit of its x where a name says one, and what is doubtful ("": nothing).

    lines: those before its rows; separator: of the rows, None for white space. Names are None where no line has any.
    Raises ValueError where a line has a name for every column, and none of them are x, y and z.
    """
    doubt, others = "", []
    for line in reversed(lines):
        bare = line.strip(" \r").lstrip("/#").strip(" ")
        for mark in dict.fromkeys((separator, ",", ";", "\t", None)):
            words = [word.strip("\"' ") for word in (bare.split(mark) if mark else re.split(r"[,;\s]+", bare.strip()))]
            words = words[:-1] if len(words) == width + 1 and not words[-1] else words  # a separator at the end, too
            names, unit = _names(words)
            if {"x", "y", "z"} <= set(names):
                if len(names) == width:
                    return [name if names.index(name) == i else f"{name}_{i}" for i, name in enumerate(names)], unit, ""
                doubt = doubt or f"its header names {len(names)} columns, its rows have {width}: taken without it"
            elif mark and len(names) == width and mark == separator:
                others.append(", ".join(words))
    if others and not doubt:
        raise ValueError(f"its header names no x, y and z ({others[0][:120]}): call those columns so")
    return None, None, doubt


def _names(words: list[str]) -> tuple[list[str], str | None]:
    names, units = [], []
    for word in map(str.lower, words):
        unit = UNIT.search(word)
        word = re.sub(r"[\[(]\D.*", "", UNIT.sub("", word)).strip() or word
        if word not in NAMES and (axis := AXIS.fullmatch(word)) and not word.isdigit():
            units.append(unit and UNITS.get(unit[1][:2], UNITS.get(unit[1][:1])))
            word = "xyz"["xyz012".index(axis[1]) % 3]
        elif color := COLOR.fullmatch(word):
            word = ("red", "green", "blue")["rgb012".index(color[1]) % 3]
        names.append(NAMES.get(word, word))
    if not {"x", "y", "z"} <= set(names):
        names = [SURVEYED.get(name, name) for name in names]
    return names, units[0] if units else None
