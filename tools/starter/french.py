"""French inflection: elision, contraction, agreement, conjugation."""

import re
from functools import cache
from typing import Literal, NamedTuple

ME, YOU, THIRD, WE, YOU_ALL, THEY = range(6)
"""Grammatical persons (je, tu, il, nous, vous, ils): indices of a verb's forms, also English."""


# How words begin that have an aspirated h, or a vowel that acts like one: "le héros", "le onze".
_BLOCKED = "haut héros hongr haricot hamster hibou huit hérisson onze oui yaourt"
_VOWEL = rf"(?=(?!(?:{'|'.join(_BLOCKED.split())}))[aàâeéèêiîoôuûœh]|y\b)"
_BEGINS_WITH_VOWEL = re.compile(_VOWEL, re.IGNORECASE)
# Not after a hyphen: "donne-le à Paul" keeps its e.
_ELIDING = re.compile(rf"(?<![-\w])(je|me|te|se|le|la|ne|de|que) {_VOWEL}", re.IGNORECASE)
_SI_IL = re.compile(r"(?<![-\w])(s)i (?=ils?\b)", re.IGNORECASE)


def begins_with_vowel(word: str) -> bool:
    """Return whether the word before a French word elides: before "ami", not before "héros"."""
    return _BEGINS_WITH_VOWEL.match(word) is not None


def elide(text: str) -> str:
    """Shorten what French shortens before a vowel: je aime -> j'aime, si il -> s'il."""
    text = _ELIDING.sub(lambda found: found[1][:-1] + "'", text)
    return _SI_IL.sub(r"\1'", text) if "i il" in text else text


def contract(preposition: Literal["à", "de"], phrase: str) -> str:
    """Put "à" or "de" before a noun phrase: à + le marché -> au marché."""
    merged = {"à": ("au", "aux"), "de": ("du", "des")}[preposition]
    if phrase.startswith("le "):
        return f"{merged[0]} {phrase[3:]}"
    if phrase.startswith("les "):
        return f"{merged[1]} {phrase[4:]}"
    return elide(f"{preposition} {phrase}")


def agree(word: str, feminine: bool, plural: bool) -> str:
    """Give a participle its gender and number: allé -> allée, allés, allées; pris -> prise."""
    word += "e" * feminine
    return word + "s" if plural and not word.endswith(("s", "x")) else word


def french_plural(word: str) -> str:
    """The plural of a French noun or masculine adjective: chats, gâteaux, chevaux, nez."""
    if word.endswith(("s", "x", "z")):
        return word
    if word.endswith("al"):
        return word[:-1] + "ux"
    return word + ("x" if word.endswith(("eau", "eu")) and word != "bleu" else "s")


def french_feminine(word: str) -> str:
    """The feminine of a regular French adjective: petite, heureuse, chère, italienne."""
    for ending, feminine in (("eux", "euse"), ("er", "ère"), ("en", "enne"), ("e", "e")):
        if word.endswith(ending):
            return word.removesuffix(ending) + feminine
    return word + "e"


class FrenchVerb(NamedTuple):
    """A French verb, conjugated; each tense holds six persons. `tail` follows it: avoir *faim*."""

    infinitive: str
    present: tuple[str, ...]
    imperfect: tuple[str, ...]
    future: tuple[str, ...]
    conditional: tuple[str, ...]
    participle: str
    with_être: bool
    reflexive: bool
    tail: str


_IRREGULAR_VERBS = """
être suis es est sommes êtes sont | été | ser
avoir ai as a avons avez ont | eu | aur
aller vais vas va allons allez vont | allé | ir
faire fais fais fait faisons faites font | fait | fer
venir viens viens vient venons venez viennent | venu | viendr
devenir deviens deviens devient devenons devenez deviennent | devenu | deviendr
voir vois vois voit voyons voyez voient | vu | verr
croire crois crois croit croyons croyez croient | cru | croir
dire dis dis dit disons dites disent | dit | dir
lire lis lis lit lisons lisez lisent | lu | lir
écrire écris écris écrit écrivons écrivez écrivent | écrit | écrir
boire bois bois boit buvons buvez boivent | bu | boir
prendre prends prends prend prenons prenez prennent | pris | prendr
apprendre apprends apprends apprend apprenons apprenez apprennent | appris | apprendr
comprendre comprends comprends comprend comprenons comprenez comprennent | compris | comprendr
mettre mets mets met mettons mettez mettent | mis | mettr
pouvoir peux peux peut pouvons pouvez peuvent | pu | pourr
vouloir veux veux veut voulons voulez veulent | voulu | voudr
devoir dois dois doit devons devez doivent | dû | devr
savoir sais sais sait savons savez savent | su | saur
connaître connais connais connaît connaissons connaissez connaissent | connu | connaîtr
dormir dors dors dort dormons dormez dorment | dormi | dormir
partir pars pars part partons partez partent | parti | partir
sortir sors sors sort sortons sortez sortent | sorti | sortir
courir cours cours court courons courez courent | couru | courr
ouvrir ouvre ouvres ouvre ouvrons ouvrez ouvrent | ouvert | ouvrir
conduire conduis conduis conduit conduisons conduisez conduisent | conduit | conduir
construire construis construis construit construisons construisez construisent | construit|construir
peindre peins peins peint peignons peignez peignent | peint | peindr
pleuvoir pleus pleus pleut pleuvons pleuvez pleuvent | plu | pleuvr
rire ris ris rit rions riez rient | ri | rir
sourire souris souris sourit sourions souriez sourient | souri | sourir
recevoir reçois reçois reçoit recevons recevez reçoivent | reçu | recevr
asseoir assieds assieds assied asseyons asseyez asseyent | assis | assiér
envoyer envoie envoies envoie envoyons envoyez envoient | envoyé | enverr
souvenir souviens souviens souvient souvenons souvenez souviennent | souvenu | souviendr
"""
# Verbs of going and becoming build their past with être: elle est partie.
_WITH_ÊTRE = frozenset({
    "aller", "venir", "arriver", "partir", "sortir", "entrer", "rentrer", "rester", "tomber",
    "monter", "descendre", "devenir", "retourner", "passer",
})  # fmt: skip
# -er verbs whose stem changes before a silent ending: j'achète, je préfère, j'appelle.
_GRAVE_STEMS = frozenset({"acheter", "lever", "promener", "amener"})
_ACUTE_STEMS = frozenset({"préférer", "espérer", "répéter", "inquiéter"})
_DOUBLED_STEMS = frozenset({"appeler", "jeter"})
# The present tense, the participle, and the stem of the future.
_Forms = tuple[tuple[str, ...], str, str]


def _stems(infinitive: str) -> tuple[str, str, str]:
    """An -er verb's plain stem, its stem before a silent ending, and its stem in the future."""
    stem = infinitive[:-2]
    if infinitive in _GRAVE_STEMS:
        strong = re.sub(r"e(?=[^e]+$)", "è", stem)
        return stem, strong, strong
    if infinitive in _ACUTE_STEMS:
        return stem, re.sub(r"é(?=[^é]+$)", "è", stem), stem
    if infinitive in _DOUBLED_STEMS:
        return stem, stem + stem[-1], stem + stem[-1]
    if infinitive.endswith(("oyer", "uyer", "ayer")):
        return stem, stem[:-1] + "i", stem[:-1] + "i"
    return stem, stem, stem


def _er_forms(infinitive: str) -> _Forms:
    stem, strong, future = _stems(infinitive)
    soft = stem  # -ger and -cer keep their soft sound before o: nous mangeons, nous lançons
    if stem.endswith("g"):
        soft = stem + "e"
    elif stem.endswith("c"):
        soft = stem[:-1] + "ç"
    present = (strong + "e", strong + "es", strong + "e", soft + "ons", stem + "ez", strong + "ent")
    return present, stem + "é", future + "er"


def _ir_forms(infinitive: str) -> _Forms:
    stem = infinitive[:-2]
    return _ended(stem, ("is", "is", "it", "issons", "issez", "issent")), stem + "i", infinitive


def _re_forms(infinitive: str) -> _Forms:
    stem = infinitive[:-2]
    return _ended(stem, ("s", "s", "", "ons", "ez", "ent")), stem + "u", infinitive[:-1]


def _ended(stem: str, endings: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(stem + ending for ending in endings)


def _irregular_forms() -> dict[str, _Forms]:
    """The forms of each verb in the table of irregular ones."""
    table = {}
    for row in _IRREGULAR_VERBS.strip().splitlines():
        present, participle, future = (cell.strip() for cell in row.split("|"))
        infinitive, *persons = present.split()
        table[infinitive] = (tuple(persons), participle, future)
    return table


_IRREGULAR = _irregular_forms()
_REGULAR = {"er": _er_forms, "ir": _ir_forms, "re": _re_forms}
_FUTURE = ("ai", "as", "a", "ons", "ez", "ont")
_IMPERFECT = ("ais", "ais", "ait", "ions", "iez", "aient")


def _imperfect(infinitive: str, we: str) -> tuple[str, ...]:
    """The imperfect stands on the "nous" form: nous mangeons -> je mangeais, nous mangions."""
    stem = "ét" if infinitive == "être" else we.removesuffix("ons")
    before_i = stem
    if infinitive.endswith("ger"):
        before_i = stem[:-1]
    elif infinitive.endswith("cer"):
        before_i = stem[:-1] + "c"
    return tuple((before_i if ending.startswith("i") else stem) + ending for ending in _IMPERFECT)


@cache
def french_verb(phrase: str) -> FrenchVerb:
    """Conjugate a French verb phrase by its verb: manger, se lever, avoir faim."""
    infinitive, _, tail = phrase.partition(" ")
    reflexive = infinitive == "se"
    if reflexive:
        infinitive, _, tail = tail.partition(" ")
    elif infinitive.startswith("s'"):
        reflexive, infinitive = True, infinitive[2:]
    present, participle, future = _IRREGULAR.get(infinitive) or _REGULAR[infinitive[-2:]](
        infinitive
    )
    return FrenchVerb(
        infinitive,
        present,
        _imperfect(infinitive, present[WE]),
        _ended(future, _FUTURE),
        _ended(future, _IMPERFECT),
        participle,
        reflexive or infinitive in _WITH_ÊTRE,
        reflexive,
        tail,
    )


def imperative(verb: FrenchVerb, person: int) -> str:
    """The order given to tu, nous or vous: mange, mangeons, mangez; an -er "tu" loses its s."""
    special = {"être": ("sois", "soyons", "soyez"), "avoir": ("aie", "ayons", "ayez")}
    if verb.infinitive in special:
        return special[verb.infinitive][{YOU: 0, WE: 1, YOU_ALL: 2}[person]]
    form = verb.present[person]
    return form[:-1] if form.endswith("es") or form == "vas" else form
