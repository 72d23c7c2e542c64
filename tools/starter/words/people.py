"""First names and professions."""

from typing import NamedTuple

from tools.starter.draw import Table
from tools.starter.lexicon import listed, rows

MEN = listed("Paul, Thomas, Pierre, Daniel, Lucas, Martin, Nicolas, David, Louis")
WOMEN = listed("Marie, Julie, Alice, Emma, Sophie, Claire, Anna, Laura, Sarah")


class Profession(NamedTuple):
    """A profession as said of a man and of a woman, in both languages."""

    en: str
    en_feminine: str
    fr: str
    fr_feminine: str


def _professions(table: str) -> tuple[Profession, ...]:
    """Read "waiter/waitress = serveur serveuse"."""
    found = []
    for english, french in rows(table):
        en, _, en_feminine = english.partition("/")
        found.append(Profession(en, en_feminine or en, *french.split()))
    return tuple(found)


PROFESSIONS = Table(_professions("""
doctor = médecin médecin, teacher = professeur professeure, student = étudiant étudiante
lawyer = avocat avocate, nurse = infirmier infirmière, baker = boulanger boulangère
engineer = ingénieur ingénieure, singer = chanteur chanteuse, journalist = journaliste journaliste
cook = cuisinier cuisinière, dentist = dentiste dentiste, artist = artiste artiste
pilot = pilote pilote, police officer = policier policière, writer = écrivain écrivaine
farmer = fermier fermière, hairdresser = coiffeur coiffeuse, dancer = danseur danseuse
musician = musicien musicienne, painter = peintre peintre, salesperson = vendeur vendeuse
architect = architecte architecte, waiter/waitress = serveur serveuse
actor/actress = acteur actrice
"""))  # fmt: skip
"""Said without an article: il est médecin, elle est médecin."""
