"""The adjectives: for people, for things, and for comparisons."""

from typing import NamedTuple

from tools.starter.draw import Table
from tools.starter.lexicon import Adjective, adjective, adjectives, rows

COLORS = Table(adjectives("""
black = noir, white = blanc blanche, red = rouge, blue = bleu, green = vert, yellow = jaune
gray = gris, brown = marron !, pink = rose, purple = violet violette
"""))  # fmt: skip
_SIZED = "small = <petit, big = <grand"
_LOOKS = "new = <nouveau nouvelle nouvel, beautiful = <beau belle bel, old = <vieux vieille vieil"
_BOUGHT = "expensive = cher"
_NOUN_ADJECTIVES = {
    "food": "good = <bon bonne, fresh = frais fraîche",
    "drink": "good = <bon bonne, hot = chaud, cold = froid",
    "reading": """
long = <long longue, interesting = intéressant, old = <vieux vieille vieil, short = court
good = <bon bonne, strange = étrange, funny = drôle, important = important
""",
    "thing": f"{_LOOKS}, {_SIZED}",
    "container": f"{_SIZED}, empty = vide, heavy = lourd, old = <vieux vieille vieil",
    "dish": f"{_SIZED}, clean = propre, dirty = sale, empty = vide",
    "furniture": f"{_LOOKS}, {_SIZED}, comfortable = confortable, {_BOUGHT}",
    "clothes": f"{_LOOKS}, warm = chaud, {_BOUGHT}, clean = propre, dirty = sale",
    "garment": f"{_LOOKS}, {_BOUGHT}, clean = propre, dirty = sale",
    "vehicle": f"{_LOOKS}, {_SIZED}, fast = rapide, {_BOUGHT}",
    "wild": f"{_SIZED}, beautiful = <beau belle bel, dangerous = dangereux, young = <jeune",
    "animal": f"""
{_SIZED}, old = <vieux vieille vieil, beautiful = <beau belle bel, sick = malade, young = <jeune
fat = <gros grosse
""",
    "nature": f"{_SIZED}, beautiful = <beau belle bel",
    "building": f"{_LOOKS}, {_SIZED}, modern = moderne, famous = célèbre, white = blanc blanche",
    "room": f"{_SIZED}, beautiful = <beau belle bel, clean = propre, quiet = calme",
    "show": """
good = <bon bonne, interesting = intéressant, bad = <mauvais, boring = ennuyeux
long = <long longue, funny = drôle, new = <nouveau nouvelle nouvel
""",
    "lesson": """
easy = facile, difficult = difficile, long = <long longue, new = <nouveau nouvelle nouvel
important = important, simple = simple
""",
    "person": """
young = <jeune, old = <vieux vieille vieil, handsome/beautiful = <beau belle bel
nice = gentil gentille, rich = riche, famous = célèbre, serious = sérieux
""",
}
NOUN_ADJECTIVES = {theme: Table(adjectives(table)) for theme, table in _NOUN_ADJECTIVES.items()}
"""Adjectives before or after a noun, by the noun's theme."""
FEELINGS = Table(adjectives("""
tired = fatigué, happy = heureux, sad = triste, sick = malade, late = en retard !, ready = prêt
angry = en colère !, alone = seul, busy = occupé, glad = content, worried = inquiet inquiète
surprised = surpris, nervous = nerveux, jealous = jaloux jalouse, proud = fier, free = libre
calm = calme, lost = perdu, early = en avance !
in love = amoureux, disappointed = déçu, in a hurry = pressé, absent = absent, furious = furieux
"""))  # fmt: skip
"""Temporary states of people, after "être"."""
TRAITS = Table(adjectives("""
nice = gentil gentille, tall = grand, young = jeune, old = vieux vieille, short = petit
intelligent = intelligent, rich = riche, strong = fort, handsome/beautiful = beau belle
funny = drôle, shy = timide, poor = pauvre, famous = célèbre, serious = sérieux
lazy = paresseux, polite = poli, brave = courageux, honest = honnête, patient = patient
generous = généreux, curious = curieux, crazy = fou folle, thin = mince, married = marié
quiet = tranquille, weak = faible, single = célibataire
"""))  # fmt: skip
"""Lasting qualities of people, after "être"."""
NATIONALITIES = Table(adjectives("""
French = français, American = américain, English = anglais, Italian = italien, German = allemand
Spanish = espagnol, Japanese = japonais, Canadian = canadien, Swiss = suisse, Belgian = belge
Chinese = chinois, Portuguese = portugais, Russian = russe, Greek = grec grecque
Mexican = mexicain, Hungarian = hongrois, Irish = irlandais, Indian = indien
"""))  # fmt: skip
_THING_STATES = {
    "food": "good = bon bonne, delicious = délicieux, expensive = cher, fresh = frais fraîche",
    "meal": "good = bon bonne, ready = prêt, cold = froid, hot = chaud, delicious = délicieux",
    "drink": "cold = froid, hot = chaud, good = bon bonne, ready = prêt",
    "reading": """
interesting = intéressant, long = long longue, boring = ennuyeux, important = important
short = court, funny = drôle, difficult = difficile
""",
    "thing": """
expensive = cher, beautiful = beau belle, old = vieux vieille, useful = utile, new = neuf neuve
""",
    "container": "empty = vide, full = plein, heavy = lourd, open = ouvert, closed = fermé",
    "dish": "dirty = sale, clean = propre, empty = vide, broken = cassé, full = plein",
    "furniture": """
comfortable = confortable, old = vieux vieille, new = neuf neuve, expensive = cher, heavy = lourd
""",
    "clothes": """
beautiful = beau belle, expensive = cher, dirty = sale, clean = propre, wet = mouillé
dry = sec sèche
""",
    "garment": "beautiful = beau belle, expensive = cher, dirty = sale, clean = propre",
    "vehicle": """
fast = rapide, old = vieux vieille, new = neuf neuve, expensive = cher, slow = lent, dirty = sale
""",
    "animal": """
big = grand, sick = malade, small = petit, old = vieux vieille, beautiful = beau belle
tired = fatigué
""",
    "wild": "dangerous = dangereux, big = grand, beautiful = beau belle, strong = fort",
    "building": """
closed = fermé, open = ouvert, big = grand, old = vieux vieille, far away = loin !, small = petit
empty = vide, modern = moderne
""",
    "room": "big = grand, clean = propre, small = petit, dirty = sale, empty = vide, dark = sombre",
    "opening": "open = ouvert, closed = fermé, broken = cassé, new = neuf neuve",
    "show": """
interesting = intéressant, boring = ennuyeux, funny = drôle, long = long longue, over = terminé
""",
    "lesson": """
difficult = difficile, easy = facile, long = long longue, important = important, simple = simple
clear = clair
""",
    "town": "big = grand, beautiful = beau belle, quiet = calme, small = petit, far away = loin !",
    "nature": "beautiful = beau belle",
}
THING_STATES = {theme: Table(adjectives(table)) for theme, table in _THING_STATES.items()}
"""Qualities of things after "être", by theme."""


class Compared(NamedTuple):
    """An adjective with its English comparative and superlative."""

    adjective: Adjective
    more: str
    most: str


def _compared(table: str) -> tuple[Compared, ...]:
    """Read "tall taller tallest = grand"."""
    found = []
    for english, french in rows(table):
        en, more, most = english.split()
        found.append(Compared(adjective(en, french), more, most))
    return tuple(found)


COMPARED_PEOPLE = Table(_compared("""
tall taller tallest = grand, old older oldest = vieux vieille vieil, young younger youngest = jeune
strong stronger strongest = fort, rich richer richest = riche, nice nicer nicest = gentil gentille
funny funnier funniest = drôle, short shorter shortest = petit
happy happier happiest = heureux, brave braver bravest = courageux, polite politer politest = poli
lazy lazier laziest = paresseux
"""))  # fmt: skip
"""Adjectives that compare people."""
_COMPARED_THINGS = {
    "vehicle": """
fast faster fastest = rapide, old older oldest = vieux vieille vieil""",
    "building": """
big bigger biggest = grand, old older oldest = vieux vieille vieil, high higher highest = haut
small smaller smallest = petit""",
    "animal": """
big bigger biggest = grand, small smaller smallest = petit, fast faster fastest = rapide
old older oldest = vieux vieille vieil""",
    "thing": """
heavy heavier heaviest = lourd, light lighter lightest = léger""",
    "town": """
big bigger biggest = grand, small smaller smallest = petit, quiet quieter quietest = calme
old older oldest = vieux vieille vieil""",
}
COMPARED_THINGS = {theme: Table(_compared(table)) for theme, table in _COMPARED_THINGS.items()}
"""The same of things, by theme."""
