"""The starter corpus's lexicon: its words in both languages, and the forms they take."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

# Person numbers, in both languages: I, you (tu), he or she, we, you (vous), they.
ME, YOU, THIRD, WE, YOU_ALL, THEY = range(6)

Aspect = Literal["action", "state", "perception", "event"]


def listed(table: str) -> tuple[str, ...]:
    """The entries of a table that is parted by commas, with or without line ends."""
    return tuple(entry.strip() for entry in re.split(r"[,\n]", table) if entry.strip())


# ------------------------------------------------------------------ French: vowels and elision

# Words with an aspirated h, and two vowels that act like one: "le héros", "le onze".
NO_ELISION = "haut héros hongr hongrie hongrois haricot hamster hibou huit hérisson onze oui yaourt"
_BLOCKED = "|".join(NO_ELISION.split())
_VOWEL = rf"(?=(?!(?:{_BLOCKED}))[aàâeéèêiîoôuûœh]|y\b)"
_BEGINS_WITH_VOWEL = re.compile(_VOWEL, re.IGNORECASE)
# Not after a hyphen: "donne-le à Paul" keeps its e.
_ELIDING = re.compile(rf"(?<![-\w])(je|me|te|se|le|la|ne|de|que) {_VOWEL}", re.IGNORECASE)
_SI_IL = re.compile(r"(?<![-\w])(s)i (?=ils?\b)", re.IGNORECASE)


def begins_with_vowel(word: str) -> bool:
    """Whether a French word makes the one before it elide: ami, homme, yes; héros, no."""
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


# ------------------------------------------------------------------ French: verbs


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


IRREGULAR_FRENCH = """
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
WITH_ÊTRE = listed("""
aller, venir, arriver, partir, sortir, entrer, rentrer, rester, tomber, monter, descendre,
devenir, retourner, passer
""")
# -er verbs whose stem changes before a silent ending: j'achète, je préfère, j'appelle.
GRAVE_STEMS = listed("acheter, lever, promener, amener")
ACUTE_STEMS = listed("préférer, espérer, répéter, inquiéter")
DOUBLED_STEMS = listed("appeler, jeter")


def _stems(infinitive: str) -> tuple[str, str, str]:
    """An -er verb's plain stem, its stem before a silent ending, and its stem in the future."""
    stem = infinitive[:-2]
    if infinitive in GRAVE_STEMS:
        strong = re.sub(r"e(?=[^e]+$)", "è", stem)
        return stem, strong, strong
    if infinitive in ACUTE_STEMS:
        return stem, re.sub(r"é(?=[^é]+$)", "è", stem), stem
    if infinitive in DOUBLED_STEMS:
        return stem, stem + stem[-1], stem + stem[-1]
    if infinitive.endswith(("oyer", "uyer", "ayer")):
        return stem, stem[:-1] + "i", stem[:-1] + "i"
    return stem, stem, stem


def _er_forms(infinitive: str) -> tuple[tuple[str, ...], str, str]:
    stem, strong, future = _stems(infinitive)
    soft = stem  # -ger and -cer keep their soft sound before o: nous mangeons, nous lançons
    if stem.endswith("g"):
        soft = stem + "e"
    elif stem.endswith("c"):
        soft = stem[:-1] + "ç"
    endings = (strong + "e", strong + "es", strong + "e", soft + "ons", stem + "ez", strong + "ent")
    return endings, stem + "é", future + "er"


def _ir_forms(infinitive: str) -> tuple[tuple[str, ...], str, str]:
    stem = infinitive[:-2]
    endings = ("is", "is", "it", "issons", "issez", "issent")
    return tuple(stem + ending for ending in endings), stem + "i", infinitive


def _re_forms(infinitive: str) -> tuple[tuple[str, ...], str, str]:
    stem = infinitive[:-2]
    endings = ("s", "s", "", "ons", "ez", "ent")
    return tuple(stem + ending for ending in endings), stem + "u", infinitive[:-1]


def _irregular_forms() -> dict[str, tuple[tuple[str, ...], str, str]]:
    table = {}
    for row in IRREGULAR_FRENCH.strip().splitlines():
        present, participle, future = (cell.strip() for cell in row.split("|"))
        infinitive, *persons = present.split()
        table[infinitive] = (tuple(persons), participle, future)
    longer = tuple(form.replace("cond", "constr", 1) for form in table["conduire"][0])
    table["construire"] = (longer, "construit", "construir")
    return table


_IRREGULAR = _irregular_forms()
_REGULAR = {"er": _er_forms, "ir": _ir_forms, "re": _re_forms}


def _imperfect(infinitive: str, we: str) -> tuple[str, ...]:
    """The imperfect stands on the "nous" form: nous mangeons -> je mangeais, nous mangions."""
    stem = "ét" if infinitive == "être" else we.removesuffix("ons")
    before_i = stem
    if infinitive.endswith("ger"):
        before_i = stem[:-1]
    elif infinitive.endswith("cer"):
        before_i = stem[:-1] + "c"
    return (
        *(stem + ending for ending in ("ais", "ais", "ait")),
        *(before_i + ending for ending in ("ions", "iez")),
        stem + "aient",
    )


@cache
def french_verb(phrase: str) -> FrenchVerb:
    """Conjugate a French verb phrase by its verb: manger, se lever, avoir faim."""
    infinitive, _, tail = phrase.partition(" ")
    reflexive = infinitive == "se"
    if reflexive:
        infinitive, _, tail = tail.partition(" ")
    elif infinitive.startswith("s'"):
        reflexive, infinitive = True, infinitive[2:]
    forms = _IRREGULAR.get(infinitive) or _REGULAR[infinitive[-2:]](infinitive)
    present, participle, future = forms
    imperfect_endings = ("ais", "ais", "ait", "ions", "iez", "aient")
    return FrenchVerb(
        infinitive,
        present,
        _imperfect(infinitive, present[WE]),
        tuple(future + ending for ending in ("ai", "as", "a", "ons", "ez", "ont")),
        tuple(future + ending for ending in imperfect_endings),
        participle,
        reflexive or infinitive in WITH_ÊTRE,
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


def agree(word: str, feminine: bool, plural: bool) -> str:
    """Give a participle its gender and number: allé -> allée, allés, allées; pris -> prise."""
    word += "e" * feminine
    return word + "s" if plural and not word.endswith(("s", "x")) else word


# ------------------------------------------------------------------ English: verbs

IRREGULAR_ENGLISH = """
eat ate eaten, drink drank drunk, buy bought bought, read read read, write wrote written,
find found found, lose lost lost, see saw seen, know knew known, have had had, hear heard heard,
understand understood understood, wear wore worn, take took taken, give gave given,
send sent sent, lend lent lent, bring brought brought, tell told told, sell sold sold,
pay paid paid, sing sang sung, sleep slept slept, run ran run, swim swam swum, go went gone,
come came come, leave left left, fall fell fallen, become became become, get got got,
wake woke woken, forget forgot forgotten, think thought thought, say said said,
drive drove driven, build built built, cut cut cut, draw drew drawn, break broke broken,
choose chose chosen, speak spoke spoken, put put put, do did done, make made made,
win won won, meet met met, feel felt felt, sit sat sat, throw threw thrown, keep kept kept,
hide hid hidden, begin began begun, teach taught taught, spend spent spent, ring rang rung
"""
_PASTS = {
    base: (past, participle)
    for base, past, participle in (row.split() for row in IRREGULAR_ENGLISH.split(","))
}
_ONE_SHORT_SYLLABLE = re.compile(r"[^aeiou]*[aeiou][^aeiouwxy]")
_STRESSED_LAST = {"forget", "begin", "prefer"}
_IRREGULAR_THIRD = {"have": "has", "do": "does", "go": "goes", "be": "is"}

BE_PRESENT = ("am", "are", "is", "are", "are", "are")
BE_PAST = ("was", "were", "was", "were", "were", "were")
DO = ("do", "do", "does", "do", "do", "do")
HAVE = ("have", "have", "has", "have", "have", "have")


class EnglishVerb(NamedTuple):
    """An English verb phrase, every form of it; `is_be` verbs need no "do" to deny or ask."""

    base: str
    third: str
    past: str
    participle: str
    ing: str
    is_be: bool


def plural_s(word: str) -> str:
    """Add the s of an English plural or third person: box -> boxes, story -> stories."""
    if re.search(r"(s|x|z|ch|sh)$", word):
        return word + "es"
    return word[:-1] + "ies" if re.search(r"[^aeiou]y$", word) else word + "s"


def _doubled(word: str) -> str:
    """The consonant that stop and prefer write twice: stopped, preferring."""
    doubles = _ONE_SHORT_SYLLABLE.fullmatch(word) or word in _STRESSED_LAST
    return word[-1] if doubles else ""


def _past(word: str) -> str:
    if word.endswith("e"):
        return word + "d"
    if re.search(r"[^aeiou]y$", word):
        return word[:-1] + "ied"
    return word + _doubled(word) + "ed"


def _ing(word: str) -> str:
    if word.endswith("e") and not word.endswith("ee") and word != "be":
        return word[:-1] + "ing"
    return word + _doubled(word) + "ing"


@cache
def english_verb(phrase: str) -> EnglishVerb:
    """Every form of an English verb phrase, by its first word: look for -> looking for."""
    word, space, rest = phrase.partition(" ")
    tail = space + rest
    past, participle = _PASTS.get(word) or (_past(word), _past(word))
    third = _IRREGULAR_THIRD.get(word) or plural_s(word)
    return EnglishVerb(
        phrase, third + tail, past + tail, participle + tail, _ing(word) + tail, word == "be"
    )


def article(word: str) -> str:
    """The English "a" or "an" that goes before a word, by its sound: an hour, a university."""
    word = word.lower()
    silent_h = word.startswith(("hour", "honest"))
    sounds_like_you = word.startswith(("uni", "use", "euro", "one"))
    return "an" if silent_h or (word[0] in "aeiou" and not sounds_like_you) else "a"


# ------------------------------------------------------------------ words in both languages


@dataclass(frozen=True, slots=True, eq=False)
class Noun:
    """A noun in both languages; a mass noun has no plural, a plural noun no singular."""

    en: str
    en_plural: str
    fr: str
    fr_plural: str
    feminine: bool
    kind: Literal["count", "mass", "plural"]
    theme: str


@dataclass(frozen=True, slots=True, eq=False)
class Adjective:
    """An adjective; `before` says that the French one goes before its noun."""

    en: str
    en_feminine: str
    masculine: str
    feminine: str
    masculine_plural: str
    feminine_plural: str
    before_vowel: str
    before: bool

    def form(self, feminine: bool, plural: bool, next_word: str = "") -> str:
        """The French form: beau, belle, beaux, belles, and bel before a vowel."""
        if plural:
            return self.feminine_plural if feminine else self.masculine_plural
        if feminine:
            return self.feminine
        vowel = next_word and begins_with_vowel(next_word)
        return self.before_vowel if vowel else self.masculine

    def english(self, feminine: bool) -> str:
        """The English word, which for people may differ: handsome, beautiful."""
        return self.en_feminine if feminine else self.en


@dataclass(frozen=True, slots=True, eq=False)
class Verb:
    """A verb in both languages, with the aspect that decides its English tenses."""

    en: EnglishVerb
    fr: FrenchVerb
    aspect: Aspect


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


def _rows(table: str) -> Iterator[tuple[str, str]]:
    """The "english = french" entries of a table."""
    for entry in listed(table):
        english, french = entry.split(" = ")
        yield english, french


def noun(theme: str, english: str, french: str) -> Noun:
    """Read "child/children = enfant m": f is feminine, * a mass noun, + a plural noun."""
    french, mark = french.rsplit(" ", 1)
    en, _, en_plural = english.partition("/")
    fr, _, fr_plural = french.partition("/")
    kind: Literal["count", "mass", "plural"] = "count"
    if "*" in mark:
        kind = "mass"
    elif "+" in mark:
        kind, en_plural, fr_plural = "plural", en, fr
    return Noun(
        en, en_plural or plural_s(en), fr, fr_plural or french_plural(fr), "f" in mark, kind, theme
    )


def _adjective(english: str, french: str) -> Adjective:
    """Read "handsome/beautiful = <beau belle bel": < goes before its noun, ! is invariable."""
    en, _, en_feminine = english.partition("/")
    en_feminine = en_feminine or en
    before = french.startswith("<")
    if french.endswith(" !"):
        phrase = french.removesuffix(" !")
        return Adjective(en, en_feminine, phrase, phrase, phrase, phrase, phrase, before)
    masculine, *more = french.removeprefix("<").split()
    feminine = more[0] if more else french_feminine(masculine)
    return Adjective(
        en,
        en_feminine,
        masculine,
        feminine,
        french_plural(masculine),
        feminine + "s",
        more[1] if len(more) > 1 else masculine,
        before,
    )


def adjectives(table: str) -> tuple[Adjective, ...]:
    """Read a table of adjectives."""
    return tuple(_adjective(english, french) for english, french in _rows(table))


# ------------------------------------------------------------------ nouns
# Each theme lists its commonest noun first: words are drawn about as often as 1 / rank.

_NOUN_TABLES = {
    "food": """
bread = pain m*, apple = pomme f, meat = viande f*, cheese = fromage m*, cake = gâteau m
fish = poisson m*, soup = soupe f*, egg = œuf m, rice = riz m*, chicken = poulet m*
potato/potatoes = pomme de terre/pommes de terre f, salad = salade f, orange = orange f
chocolate = chocolat m*, vegetable = légume m, tomato/tomatoes = tomate f, sandwich = sandwich m
banana = banane f, butter = beurre m*, ice cream = glace f*, cookie = biscuit m, jam = confiture f*
strawberry = fraise f, ham = jambon m*, pear = poire f, carrot = carotte f, bean = haricot m
sugar = sucre m*, pizza = pizza f, cherry = cerise f, mushroom = champignon m, honey = miel m*
yogurt = yaourt m, onion = oignon m, lemon = citron m, peach = pêche f
""",
    "drink": """
water = eau f*, coffee = café m*, tea = thé m*, milk = lait m*, wine = vin m*, beer = bière f*
orange juice = jus d'orange m*, hot chocolate = chocolat chaud m*, lemonade = limonade f*
apple juice = jus de pomme m*
""",
    "meal": """
soup = soupe f*, meal = repas m, cake = gâteau m, salad = salade f, chicken = poulet m*
sandwich = sandwich m, fish = poisson m*, coffee = café m*, pizza = pizza f, tea = thé m*
""",
    "paid": """
meal = repas m, tickets = billets m+, coffee = café m*, gift = cadeau m, hotel = hôtel m
taxi = taxi m
""",
    "vessel": """
glass = verre m, bottle = bouteille f, cup = tasse f, basket = panier m, bowl = bol m
""",
    "sight": """
museum = musée m, castle = château m, city = ville f, church = église f, village = village m
tower = tour f, island = île f, farm = ferme f, university = université f
""",
    "pet": "cat = chat m, dog = chien m, mouse/mice = souris f, rabbit = lapin m, bird = oiseau m",
    "reading": """
book = livre m, letter = lettre f, newspaper = journal m, story = histoire f, message = message m
novel = roman m, article = article m, poem = poème m, magazine = magazine m
dictionary = dictionnaire m, postcard = carte postale/cartes postales f, email = e-mail m
""",
    "thing": """
phone = téléphone m, bag = sac m, key = clé f, watch = montre f
picture = photo f, umbrella = parapluie m, computer = ordinateur m
pen = stylo m, gift = cadeau m, ticket = billet m, ring = bague f, ball = ballon m
suitcase = valise f, flower = fleur f, knife/knives = couteau m, pencil = crayon m
wallet = portefeuille m, toy = jouet m, notebook = cahier m, passport = passeport m
camera = appareil photo/appareils photo m, glasses = lunettes f+, lamp = lampe f
pair of scissors/pairs of scissors = paire de ciseaux/paires de ciseaux f
candle = bougie f, basket = panier m, stamp = timbre m, mirror = miroir m
""",
    "container": """
box = boîte f, bottle = bouteille f, package = paquet m
envelope = enveloppe f
""",
    "dish": """
glass = verre m, cup = tasse f, plate = assiette f, vase = vase m, spoon = cuillère f
fork = fourchette f, bowl = bol m, pot = casserole f
""",
    "furniture": """
table = table f, chair = chaise f, bed = lit m, desk = bureau m, sofa = canapé m
armchair = fauteuil m, shelf/shelves = étagère f, wardrobe = armoire f, carpet = tapis m
""",
    "clothes": """
shirt = chemise f, coat = manteau m, shoes = chaussures f+, jacket = veste f
sweater = pull m, scarf/scarves = écharpe f, cap = casquette f
socks = chaussettes f+, gloves = gants m+, boots = bottes f+, pants = pantalon m
hat = chapeau m, belt = ceinture f
""",
    "garment": "dress = robe f, skirt = jupe f, tie = cravate f, suit = costume m",
    "printed": """
book = livre m, letter = lettre f, newspaper = journal m, magazine = magazine m, novel = roman m
dictionary = dictionnaire m, postcard = carte postale/cartes postales f
""",
    "writing": """
letter = lettre f, message = message m, book = livre m, story = histoire f, poem = poème m
email = e-mail m, postcard = carte postale/cartes postales f, article = article m
""",
    "driven": "car = voiture f, truck = camion m, bus/buses = bus m, taxi = taxi m",
    "vehicle": """
car = voiture f, bike = vélo m, truck = camion m, motorcycle = moto f, boat = bateau m
""",
    "animal": """
dog = chien m, cat = chat m, bird = oiseau m, horse = cheval m, rabbit = lapin m, cow = vache f
duck = canard m, pig = cochon m, sheep/sheep = mouton m, hen = poule f, hamster = hamster m
mouse/mice = souris f, fish/fish = poisson m
""",
    "wild": """
lion = lion m, bear = ours m, elephant = éléphant m, monkey = singe m, wolf/wolves = loup m
snake = serpent m, owl = hibou/hiboux m, hedgehog = hérisson m, fox = renard m, tiger = tigre m
""",
    "nature": """
tree = arbre m, river = rivière f, mountain = montagne f, forest = forêt f, lake = lac m
island = île f, field = champ m, star = étoile f, cloud = nuage m, hill = colline f
""",
    "building": """
house = maison f, school = école f, hospital = hôpital m, hotel = hôtel m, church = église f
store = magasin m, restaurant = restaurant m, museum = musée m, castle = château m
apartment = appartement m, library = bibliothèque f, bridge = pont m, theater = théâtre m
bakery = boulangerie f, factory = usine f, airport = aéroport m, farm = ferme f
university = université f, tower = tour f, post office = poste f, bank = banque f
""",
    "room": """
bedroom = chambre f, kitchen = cuisine f, living room = salon m, garden = jardin m
bathroom = salle de bain/salles de bain f, garage = garage m, dining room = salle à manger f
office = bureau m
""",
    "opening": """
door = porte f, window = fenêtre f, gate = portail m, drawer = tiroir m
""",
    "show": """
movie = film m, game = match m, show = spectacle m, play = pièce f, program = émission f
""",
    "sound": """
music = musique f*, song = chanson f, radio = radio f, record = disque m
""",
    "song": "song = chanson f",
    "contest": "game = match m, prize = prix m",
    "task": """
work = travail m*, exercise = exercice m, homework = devoirs m+, drawing = dessin m
project = projet m, report = rapport m
""",
    "lesson": """
question = question f, lesson = leçon f, answer = réponse f, problem = problème m
sentence = phrase f, word = mot m, rule = règle f, text = texte m
""",
    "learned": "lesson = leçon f, word = mot m, rule = règle f, poem = poème m, song = chanson f",
    "explained": "problem = problème m, lesson = leçon f, rule = règle f, answer = réponse f",
    "machine": """
car = voiture f, bike = vélo m, computer = ordinateur m, watch = montre f, roof = toit m
phone = téléphone m, television = télévision f, washing machine = machine à laver f
radio = radio f, clock = horloge f
""",
    "person": """
man/men = homme m, woman/women = femme f, child/children = enfant m, girl = fille f
boy = garçon m, teacher = professeur m, neighbor = voisin m, neighbor = voisine f
doctor = médecin m, student = étudiant m, student = étudiante f, police officer = policier m
lady = dame f, waiter = serveur m, waitress = serveuse f, singer = chanteuse f
lawyer = avocat m, baker = boulanger m, hero/heroes = héros m
writer = écrivain m, actor = acteur m, actress = actrice f, nurse = infirmière f
tourist = touriste m, farmer = fermier m, engineer = ingénieur m
""",
    "family": """
brother = frère m, mother = mère f, sister = sœur f, father = père m, friend = ami m
friend = amie f, parents = parents m+, son = fils m, daughter = fille f, uncle = oncle m
grandmother = grand-mère/grands-mères f, grandfather = grand-père/grands-pères m, aunt = tante f
cousin = cousin m, cousin = cousine f, husband = mari m, wife/wives = femme f
children = enfants m+, friends = amis m+, grandparents = grands-parents m+, nephew = neveu m
niece = nièce f, boss/bosses = patron m, colleague = collègue m
""",
    "town": """
city = ville f, village = village m, country = pays m, street = rue f, place = endroit m
region = région f, neighborhood = quartier m
""",
    "people_count": """
student = élève m, child/children = enfant m, tourist = touriste m
guest = invité m, player = joueur m
""",
    "generic": """
music = musique f*, flowers = fleurs f+, books = livres m+, movies = films m+, school = école f*
winter = hiver m*, summer = été m*, sports = sports m+, history = histoire f*, fall = automne m*
rain = pluie f*, snow = neige f*, surprises = surprises f+, trips = voyages m+
card games = jeux de cartes m+, soccer = football m*, tennis = tennis m*, vacations = vacances f+
mathematics = mathématiques f+, physics = physique f*, art = art m*, noise = bruit m*
""",
}

NOUNS: dict[str, tuple[Noun, ...]] = {
    theme: tuple(noun(theme, english, french) for english, french in _rows(table))
    for theme, table in _NOUN_TABLES.items()
}

# ------------------------------------------------------------------ adjectives

COLORS = adjectives("""
black = noir, white = blanc blanche, red = rouge, blue = bleu, green = vert, yellow = jaune
gray = gris, brown = marron !, pink = rose, purple = violet violette
""")

# What an adjective may be said of, by the noun's theme.
_SIZED = "small = <petit, big = <grand"
_LOOKS = "new = <nouveau nouvelle nouvel, beautiful = <beau belle bel, old = <vieux vieille vieil"
_BOUGHT = "expensive = cher"
_NOUN_ADJECTIVES = {
    "food": "good = <bon bonne, fresh = frais fraîche",
    "drink": "good = <bon bonne, hot = chaud, cold = froid",
    "reading": "long = <long longue, interesting = intéressant, old = <vieux vieille vieil, "
    "short = court, good = <bon bonne, strange = étrange, funny = drôle, important = important",
    "thing": f"{_LOOKS}, {_SIZED}",
    "container": f"{_SIZED}, empty = vide, heavy = lourd, old = <vieux vieille vieil",
    "dish": f"{_SIZED}, clean = propre, dirty = sale, empty = vide",
    "furniture": f"{_LOOKS}, {_SIZED}, comfortable = confortable, {_BOUGHT}",
    "clothes": f"{_LOOKS}, warm = chaud, {_BOUGHT}, clean = propre, dirty = sale",
    "garment": f"{_LOOKS}, {_BOUGHT}, clean = propre, dirty = sale",
    "vehicle": f"{_LOOKS}, {_SIZED}, fast = rapide, {_BOUGHT}",
    "wild": f"{_SIZED}, beautiful = <beau belle bel, dangerous = dangereux, young = <jeune",
    "animal": f"{_SIZED}, old = <vieux vieille vieil, beautiful = <beau belle bel, sick = malade, "
    "young = <jeune, fat = <gros grosse",
    "nature": f"{_SIZED}, beautiful = <beau belle bel",
    "building": f"{_LOOKS}, {_SIZED}, modern = moderne, famous = célèbre, white = blanc blanche",
    "room": f"{_SIZED}, beautiful = <beau belle bel, clean = propre, quiet = calme",
    "show": "good = <bon bonne, interesting = intéressant, bad = <mauvais, boring = ennuyeux, "
    "long = <long longue, funny = drôle, new = <nouveau nouvelle nouvel",
    "lesson": "easy = facile, difficult = difficile, long = <long longue, new = <nouveau nouvelle "
    "nouvel, important = important, simple = simple",
    "person": "young = <jeune, old = <vieux vieille vieil, handsome/beautiful = <beau belle bel, "
    "nice = gentil gentille, rich = riche, famous = célèbre, serious = sérieux",
    "town": f"{_SIZED}, beautiful = <beau belle bel, quiet = calme, old = <vieux vieille vieil",
}
NOUN_ADJECTIVES = {theme: adjectives(table) for theme, table in _NOUN_ADJECTIVES.items()}

# What one can be: said of people after "être".
FEELINGS = adjectives("""
tired = fatigué, happy = heureux, sad = triste, sick = malade, late = en retard !, ready = prêt
angry = en colère !, alone = seul, busy = occupé, glad = content, worried = inquiet inquiète
surprised = surpris, nervous = nerveux, jealous = jaloux jalouse, proud = fier, free = libre
calm = calme, lost = perdu, early = en avance !
in love = amoureux, disappointed = déçu, in a hurry = pressé, absent = absent, furious = furieux
""")
TRAITS = adjectives("""
nice = gentil gentille, tall = grand, young = jeune, old = vieux vieille, short = petit
intelligent = intelligent, rich = riche, strong = fort, handsome/beautiful = beau belle
funny = drôle, shy = timide, poor = pauvre, famous = célèbre, serious = sérieux
lazy = paresseux, polite = poli, brave = courageux, honest = honnête, patient = patient
generous = généreux, curious = curieux, crazy = fou folle, thin = mince, married = marié
quiet = tranquille, weak = faible, single = célibataire
""")
NATIONALITIES = adjectives("""
French = français, American = américain, English = anglais, Italian = italien, German = allemand
Spanish = espagnol, Japanese = japonais, Canadian = canadien, Swiss = suisse, Belgian = belge
Chinese = chinois, Portuguese = portugais, Russian = russe, Greek = grec grecque
Mexican = mexicain, Hungarian = hongrois, Irish = irlandais, Indian = indien
""")
# What things of a theme can be, after "être".
_THING_STATES = {
    "food": "good = bon bonne, delicious = délicieux, expensive = cher, fresh = frais fraîche",
    "meal": "good = bon bonne, ready = prêt, cold = froid, hot = chaud, delicious = délicieux",
    "drink": "cold = froid, hot = chaud, good = bon bonne, ready = prêt",
    "reading": "interesting = intéressant, long = long longue, boring = ennuyeux, important = "
    "important, short = court, funny = drôle, difficult = difficile",
    "thing": "expensive = cher, beautiful = beau belle, old = vieux vieille, useful = utile, new = "
    "neuf neuve",
    "container": "empty = vide, full = plein, heavy = lourd, open = ouvert, closed = fermé",
    "dish": "dirty = sale, clean = propre, empty = vide, broken = cassé, full = plein",
    "furniture": "comfortable = confortable, old = vieux vieille, new = neuf neuve, "
    "expensive = cher, heavy = lourd",
    "clothes": "beautiful = beau belle, expensive = cher, dirty = sale, clean = propre, wet = "
    "mouillé, dry = sec sèche",
    "garment": "beautiful = beau belle, expensive = cher, dirty = sale, clean = propre",
    "vehicle": "fast = rapide, old = vieux vieille, new = neuf neuve, expensive = cher, slow "
    "= lent, dirty = sale",
    "animal": "big = grand, sick = malade, small = petit, old = vieux vieille, beautiful = beau "
    "belle, tired = fatigué",
    "wild": "dangerous = dangereux, big = grand, beautiful = beau belle, strong = fort",
    "building": "closed = fermé, open = ouvert, big = grand, old = vieux vieille, "
    "far away = loin !, small = petit, empty = vide, modern = moderne",
    "room": "big = grand, clean = propre, small = petit, dirty = sale, empty = vide, dark = sombre",
    "opening": "open = ouvert, closed = fermé, broken = cassé, new = neuf neuve",
    "show": "interesting = intéressant, boring = ennuyeux, funny = drôle, long = long longue, "
    "over = terminé",
    "lesson": "difficult = difficile, easy = facile, long = long longue, important = important, "
    "simple = simple, clear = clair",
    "town": "big = grand, beautiful = beau belle, quiet = calme, small = petit, far away = loin !",
    "nature": "beautiful = beau belle",
}
THING_STATES = {theme: adjectives(table) for theme, table in _THING_STATES.items()}

# "taller": the adjective after "plus ... que", and the English comparative and superlative.
COMPARED_PEOPLE = """
tall taller tallest = grand, old older oldest = vieux vieille vieil, young younger youngest = jeune
strong stronger strongest = fort, rich richer richest = riche, nice nicer nicest = gentil gentille
funny funnier funniest = drôle, short shorter shortest = petit
happy happier happiest = heureux, brave braver bravest = courageux, polite politer politest = poli
lazy lazier laziest = paresseux
"""
COMPARED_THINGS = {
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


class Compared(NamedTuple):
    """An adjective with its English comparative and superlative."""

    adjective: Adjective
    more: str
    most: str


def compared(table: str) -> tuple[Compared, ...]:
    """Read "tall taller tallest = grand"."""
    found = []
    for english, french in _rows(table):
        en, more, most = english.split()
        found.append(Compared(_adjective(en, french), more, most))
    return tuple(found)


# ------------------------------------------------------------------ verbs

_STATES = listed("""
be, want, like, love, prefer, hate, know, have, need, live, think, believe, hope, speak French
speak English, want to, want to become, like to, prefer to, know how to, hope to, feel like
""")
_PERCEPTIONS = listed("see, hear, understand, continue to")
_EVENTS = listed("""
find, lose, forget, break, meet, win, receive, fall, arrive, leave, begin, throw away, sit down
get married, get lost, go home, wake up, get up, go to bed, change trains, ask a question
begin to, forget to, decide to, refuse to
""")


def _aspect(english: str) -> Aspect:
    if english in _PERCEPTIONS:
        return "perception"
    if english in _STATES or english.startswith("be "):
        return "state"
    return "event" if english in _EVENTS else "action"


@cache
def verb(english: str, french: str) -> Verb:
    """A verb in both languages."""
    return Verb(english_verb(english), french_verb(french), _aspect(english))


class VerbRow(NamedTuple):
    """A verb and the names of the themes or places that may follow it."""

    verb: Verb
    takes: tuple[str, ...]


def _verb_rows(table: str) -> tuple[VerbRow, ...]:
    """Read "eat = manger : food" lines."""
    found = []
    for line in table.strip().splitlines():
        words, _, takes = line.partition(":")
        english, french = words.split("=")
        found.append(VerbRow(verb(english.strip(), french.strip()), tuple(takes.split())))
    return tuple(found)


# A verb and the themes of the things it may be done to.
VERBS_WITH_THING = _verb_rows(
    """
eat = manger : food
read = lire : reading
buy = acheter : food clothes thing garment vehicle
look for = chercher : thing clothes pet building
want = vouloir : drink food thing
see = voir : animal building nature wild
have = avoir : animal vehicle thing
drink = boire : drink
find = trouver : thing clothes
watch = regarder : show animal wild
open = ouvrir : opening container
wash = laver : clothes vehicle dish garment
like = aimer : generic food drink animal wild
take = prendre : thing container
write = écrire : writing
lose = perdre : thing clothes
prepare = préparer : meal
listen to = écouter : sound
close = fermer : opening container
repair = réparer : machine
visit = visiter : sight
wear = porter : clothes
understand = comprendre : lesson
sell = vendre : vehicle food building
clean = nettoyer : room furniture
forget = oublier : thing clothes
finish = finir : task reading
bring = apporter : food drink container
break = casser : dish
draw = dessiner : animal nature building wild
sing = chanter : song
choose = choisir : garment clothes furniture food
drive = conduire : driven
learn = apprendre : learned
cut = couper : food
prefer = préférer : generic food drink
receive = recevoir : writing container
love = adorer : generic animal food
hear = entendre : sound animal
need = avoir besoin : thing vehicle
carry = transporter : container
build = construire : building
paint = peindre : opening room furniture
throw away = jeter : container reading
pay for = payer : paid
hate = détester : generic food drink
order = commander : meal drink
explain = expliquer : explained
hide = cacher : thing
use = utiliser : machine thing
fill = remplir : vessel
begin = commencer : task reading
study = étudier : explained
send = envoyer : writing
win = gagner : contest
"""
)

# A verb and the person it is done to.
VERBS_WITH_PERSON = _verb_rows(
    """
see = voir
help = aider
wait for = attendre
call = appeler
know = connaître
look at = regarder
listen to = écouter
look for = chercher
meet = rencontrer
invite = inviter
love = aimer
understand = comprendre
thank = remercier
hear = entendre
hate = détester
"""
)

# A verb said "à" somebody; the second kind also takes a thing before that.
VERBS_TO_PERSON = _verb_rows(
    """
talk to = parler
answer = répondre
write to = écrire
think about = penser
smile at = sourire
"""
)
VERBS_OF_GIVING = _verb_rows("""
give = donner : thing food clothes
show = montrer : thing clothes reading
send = envoyer : writing container
lend = prêter : thing vehicle
bring = apporter : food drink thing
explain = expliquer : explained
sell = vendre : vehicle thing
read = lire : reading
""")

# What people do without an object, and where they may do it (places are in PLACES).
VERBS_ALONE = _verb_rows(
    """
work = travailler : bureau maison jardin usine ville Paris ferme hôpital Londres
sleep = dormir : maison hôtel canapé chambre train
eat = manger : restaurant maison cuisine jardin école
play = jouer : parc jardin maison rue école plage
sing = chanter : église jardin cuisine
read = lire : bibliothèque jardin lit canapé train
walk = marcher : rue parc sable forêt montagne ville
swim = nager : mer lac piscine rivière
wait = attendre : gare aéroport rue voiture hôtel
dance = danser : fête rue salon
run = courir : parc rue sable forêt
study = étudier : bibliothèque école université maison Paris Londres
cry = pleurer : chambre lit rue
laugh = rire : école fête
cook = cuisiner : maison cuisine
smoke = fumer : jardin rue
sit down = s'asseoir : canapé table jardin
rest = se reposer : maison jardin chambre sable
take a walk = se promener : parc ville forêt sable
have fun = s'amuser : fête plage parc école
get dressed = s'habiller
hurry = se dépêcher
do the dishes = faire la vaisselle
cook dinner = préparer le dîner
take the bus = prendre le bus
take the train = prendre le train
play soccer = jouer au football : parc école
play cards = jouer aux cartes : maison salon
play tennis = jouer au tennis : parc
play the piano = jouer du piano : maison salon
play the guitar = jouer de la guitare : chambre fête
learn French = apprendre le français : école Paris
learn English = apprendre l'anglais : école Londres
speak French = parler français : maison école
speak English = parler anglais : maison bureau
do the shopping = faire les courses : ville marché
watch television = regarder la télévision : salon maison
tell a story = raconter une histoire
ask a question = poser une question
take pictures = prendre des photos : montagne plage
change trains = changer de train
shout = crier : rue jardin
arrive = arriver : gare hôtel aéroport
fall = tomber : rue jardin
leave = partir
get lost = se perdre : ville forêt
get married = se marier : église Paris
"""
)

# Verbs of motion, and how they say where to.
VERBS_OF_MOTION = _verb_rows(
    """
go = aller
come = venir
return = retourner
"""
)

# States in "avoir", which English puts with "to be".
AVOIR_IDIOMS = _verb_rows(
    """
be hungry = avoir faim
be thirsty = avoir soif
be cold = avoir froid
be right = avoir raison
be hot = avoir chaud
be afraid = avoir peur
be sleepy = avoir sommeil
be wrong = avoir tort
"""
)

# ------------------------------------------------------------------ causes
# A state, and what one does for it: il dort parce qu'il est fatigué.


class Cause(NamedTuple):
    """A state (an adjective after "être", or a verb) and the verbs it moves one to."""

    adjective: Adjective | None
    state: Verb
    verbs: tuple[Verb, ...]


def _causes(table: str) -> tuple[Cause, ...]:
    """Read "be tired = être fatigué : sleep = dormir; rest = se reposer" lines."""
    feelings = {f"être {feeling.masculine}": feeling for feeling in FEELINGS + TRAITS}
    found = []
    for line in table.strip().splitlines():
        state, _, actions = line.partition(" : ")
        english, french = state.split(" = ")
        verbs = tuple(verb(*action.split(" = ")) for action in actions.split("; ") if action)
        found.append(Cause(feelings.get(french), verb(english, french), verbs))
    return tuple(found)


CAUSES = _causes("""
be tired = être fatigué : sleep = dormir; rest = se reposer; go to bed = se coucher
be hungry = avoir faim : eat = manger; have dinner = dîner; have lunch = déjeuner
be sick = être malade : stay at home = rester à la maison; sleep = dormir; rest = se reposer
be glad = être content : sing = chanter; laugh = rire; dance = danser
be sad = être triste : cry = pleurer; stay at home = rester à la maison
be cold = avoir froid : go home = rentrer à la maison; run = courir
be in a hurry = être pressé : run = courir; take the bus = prendre le bus
be sleepy = avoir sommeil : go to bed = se coucher; sleep = dormir
be happy = être heureux : sing = chanter; smile = sourire; dance = danser
be angry = être en colère : shout = crier; cry = pleurer
be afraid = avoir peur : shout = crier; cry = pleurer; run = courir
be late = être en retard : hurry = se dépêcher; run = courir
be hot = avoir chaud : swim = nager; rest = se reposer
be thirsty = avoir soif : drink water = boire de l'eau; drink milk = boire du lait
""")
# What one is too tired, too young for.
TOO = _causes("""
be tired = être fatigué : work = travailler; run = courir; dance = danser; cook = cuisiner
be young = être jeune : drive = conduire; work = travailler; travel = voyager; smoke = fumer
be sick = être malade : work = travailler; travel = voyager; eat = manger; swim = nager
be old = être vieux : run = courir; dance = danser; drive = conduire; play tennis = jouer au tennis
be busy = être occupé : sleep = dormir; eat = manger; travel = voyager; cook = cuisiner
be sad = être triste : eat = manger; laugh = rire; sing = chanter; dance = danser
""")
# What one learns to do, and what one does with somebody.
SKILLS = _causes("""
learn = apprendre : swim = nager; drive = conduire; read = lire; cook = cuisiner; dance = danser; \
play the piano = jouer du piano; write = écrire; sing = chanter; play tennis = jouer au tennis
""")[0].verbs
SHARED = _causes("""
share = partager : work = travailler; play = jouer; eat = manger; dance = danser; sing = chanter; \
study = étudier; travel = voyager; run = courir; swim = nager; cook = cuisiner; \
take a walk = se promener; play soccer = jouer au football; play cards = jouer aux cartes; \
speak French = parler français; have dinner = dîner; do the shopping = faire les courses
""")[0].verbs
# Why something is not done.
HINDRANCES = _causes("""
be tired = être fatigué
be sick = être malade
be busy = être occupé
be afraid = avoir peur
be late = être en retard
be cold = avoir froid
be sad = être triste
be sleepy = avoir sommeil
be in a hurry = être pressé
be hungry = avoir faim
""")

# ------------------------------------------------------------------ people


class Pair(NamedTuple):
    """The same text in both languages."""

    en: str
    fr: str


def pairs(table: str) -> tuple[Pair, ...]:
    """Read a table of "english = french" phrases."""
    return tuple(Pair(english, french) for english, french in _rows(table))


MEN = listed("Paul, Thomas, Pierre, Daniel, Lucas, Martin, Nicolas, David, Louis")
WOMEN = listed("Marie, Julie, Alice, Emma, Sophie, Claire, Anna, Laura, Sarah")

# Professions stand without an article: il est médecin, elle est médecin.
PROFESSIONS = """
doctor = médecin médecin, teacher = professeur professeure, student = étudiant étudiante
lawyer = avocat avocate, nurse = infirmier infirmière, baker = boulanger boulangère
engineer = ingénieur ingénieure, singer = chanteur chanteuse, journalist = journaliste journaliste
cook = cuisinier cuisinière, dentist = dentiste dentiste, artist = artiste artiste
pilot = pilote pilote, police officer = policier policière, writer = écrivain écrivaine
farmer = fermier fermière, hairdresser = coiffeur coiffeuse, dancer = danseur danseuse
musician = musicien musicienne, painter = peintre peintre, salesperson = vendeur vendeuse
architect = architecte architecte, waiter/waitress = serveur serveuse
actor/actress = acteur actrice
"""


class Profession(NamedTuple):
    """A profession as said of a man and of a woman, in both languages."""

    en: str
    en_feminine: str
    fr: str
    fr_feminine: str


def professions() -> tuple[Profession, ...]:
    """Read the table of professions."""
    found = []
    for english, french in _rows(PROFESSIONS):
        en, _, en_feminine = english.partition("/")
        found.append(Profession(en, en_feminine or en, *french.split()))
    return tuple(found)


# ------------------------------------------------------------------ places


class Place(NamedTuple):
    """A place: French says where and where to alike, English at and to."""

    fr: str
    at: str
    to: str  # empty where one does not go


def _places(table: str) -> dict[str, Place]:
    """Read "key | French | at | to" lines."""
    found = {}
    for line in table.strip().splitlines():
        key, french, at, to = (cell.strip() for cell in line.split("|"))
        found[key] = Place(french, at, to)
    return found


PLACES = _places("""
maison       | à la maison         | at home              | home
école        | à l'école           | at school            | to school
bureau       | au bureau           | at the office        | to the office
parc         | au parc             | in the park          | to the park
marché       | au marché           | at the market        | to the market
restaurant   | au restaurant       | at the restaurant    | to the restaurant
jardin       | dans le jardin      | in the garden        | to the garden
ville        | en ville            | in town              | to town
gare         | à la gare           | at the station       | to the station
plage        | à la plage          | at the beach         | to the beach
cinéma       | au cinéma           | at the movies        | to the movies
hôpital      | à l'hôpital         | at the hospital      | to the hospital
bibliothèque | à la bibliothèque   | at the library       | to the library
chambre      | dans la chambre     | in the bedroom       |
cuisine      | dans la cuisine     | in the kitchen       |
salon        | dans le salon       | in the living room   |
rue          | dans la rue         | in the street        |
hôtel        | à l'hôtel           | at the hotel         | to the hotel
aéroport     | à l'aéroport        | at the airport       | to the airport
forêt        | dans la forêt       | in the forest        | to the forest
médecin      | chez le médecin     | at the doctor's      | to the doctor's
église       | à l'église          | at church            | to church
université   | à l'université      | at the university    | to the university
montagne     | à la montagne       | in the mountains     | to the mountains
sable        | sur la plage        | on the beach         |
mer          | dans la mer         | in the sea           |
fête         | à la fête           | at the party         | to the party
piscine      | à la piscine        | at the pool          | to the pool
boulangerie  | à la boulangerie    | at the bakery        | to the bakery
campagne     | à la campagne       | in the country       | to the country
banque       | à la banque         | at the bank          | to the bank
poste        | à la poste          | at the post office   | to the post office
théâtre      | au théâtre          | at the theater       | to the theater
ferme        | à la ferme          | at the farm          | to the farm
musée        | au musée            | at the museum        | to the museum
pharmacie    | à la pharmacie      | at the pharmacy      | to the pharmacy
dentiste     | chez le dentiste    | at the dentist's     | to the dentist's
usine        | à l'usine           | at the factory       | to the factory
lac          | dans le lac         | in the lake          |
rivière      | dans la rivière     | in the river         |
lit          | au lit              | in bed               |
canapé       | sur le canapé       | on the sofa          |
table        | à table             | at the table         |
voiture      | dans la voiture     | in the car           |
train        | dans le train       | on the train         |
Paris        | à Paris             | in Paris             | to Paris
Londres      | à Londres           | in London            | to London
France       | en France           | in France            | to France
Italie       | en Italie           | in Italy             | to Italy
Japon        | au Japon            | in Japan             | to Japan
Europe       | en Europe           | in Europe            | to Europe
""")


class Country(NamedTuple):
    """A country or city: its name, "in", "from", and the subject form (la France)."""

    en: str
    fr: str
    fr_in: str
    fr_from: str
    plural: bool = False


def _countries() -> tuple[Country, ...]:
    """Countries by French article: la goes with "en", le with "au", les with "aux"."""
    table = """
France = la France, Japan = le Japon, Italy = l'Italie, the United States = les États-Unis
England = l'Angleterre, Spain = l'Espagne, Canada = le Canada, Germany = l'Allemagne
Mexico = le Mexique, Portugal = le Portugal, Belgium = la Belgique, Switzerland = la Suisse
China = la Chine, Greece = la Grèce, Brazil = le Brésil, Hungary = la Hongrie, India = l'Inde
Morocco = le Maroc, Russia = la Russie, Ireland = l'Irlande, the Netherlands = les Pays-Bas
Norway = la Norvège, Denmark = le Danemark, Egypt = l'Égypte
"""
    found = []
    for english, french in _rows(table):
        if french.startswith(("la ", "l'")):
            name = french.removeprefix("la ").removeprefix("l'")
            found.append(Country(english, french, f"en {name}", elide(f"de {name}")))
        else:
            where, whence = contract("à", french), contract("de", french)
            found.append(Country(english, french, where, whence, french.startswith("les")))
    return tuple(found)


COUNTRIES = _countries()
CITIES = tuple(
    Country(english, french, f"à {french}", elide(f"de {french}"))
    for english, french in _rows("""
Paris = Paris, London = Londres, Rome = Rome, New York = New York, Lyon = Lyon, Berlin = Berlin
Tokyo = Tokyo, Madrid = Madrid, Brussels = Bruxelles, Geneva = Genève, Montreal = Montréal
Boston = Boston, Lisbon = Lisbonne, Vienna = Vienne, Moscow = Moscou, Athens = Athènes
""")
)
# What one goes to a place for, by the place's key.
PURPOSES = {
    "marché": "buy bread = acheter du pain, buy apples = acheter des pommes, buy cheese = acheter "
    "du fromage, buy fish = acheter du poisson, buy flowers = acheter des fleurs",
    "restaurant": "eat = manger, have dinner = dîner, have lunch = déjeuner, drink wine = boire du "
    "vin, eat fish = manger du poisson",
    "parc": "run = courir, play soccer = jouer au football, rest = se reposer, read = lire, take "
    "pictures = prendre des photos",
    "bibliothèque": "study = étudier, read a book = lire un livre, read = lire, find a book = "
    "trouver un livre, work = travailler",
    "maison": "sleep = dormir, eat = manger, rest = se reposer, cook dinner = préparer le dîner, "
    "watch television = regarder la télévision",
    "plage": "swim = nager, rest = se reposer, run = courir, play = jouer, take a walk = se "
    "promener",
    "jardin": "play = jouer, read = lire, rest = se reposer, play with the dog = jouer avec le "
    "chien, look for the cat = chercher le chat",
    "gare": "take the train = prendre le train, wait for my sister = attendre ma sœur, wait for "
    "the train = attendre le train",
    "boulangerie": "buy bread = acheter du pain, buy a cake = acheter un gâteau",
    "école": "learn English = apprendre l'anglais, study = étudier, talk to the teacher = parler "
    "au professeur, learn French = apprendre le français",
    "ville": "do the shopping = faire les courses, buy a dress = acheter une robe, buy shoes = "
    "acheter des chaussures, eat = manger",
    "bureau": "work = travailler, write a letter = écrire une lettre, finish the work = finir le "
    "travail",
}
BY_TRANSPORT = pairs("""
by train = en train, by car = en voiture, on foot = à pied, by bus = en bus, by plane = en avion
by bike = à vélo, by boat = en bateau, by taxi = en taxi, by subway = en métro
""")

# ------------------------------------------------------------------ times

HOURS = pairs("""
eight o'clock = huit heures, noon = midi, seven o'clock = sept heures, six o'clock = six heures
nine o'clock = neuf heures, ten o'clock = dix heures, three o'clock = trois heures
two o'clock = deux heures, five o'clock = cinq heures, midnight = minuit
half past eight = huit heures et demie, four o'clock = quatre heures
eleven o'clock = onze heures, half past seven = sept heures et demie, one o'clock = une heure
half past nine = neuf heures et demie, half past six = six heures et demie
""")
DAYS = pairs("""
Monday = lundi, Sunday = dimanche, Saturday = samedi, Friday = vendredi, Tuesday = mardi
Thursday = jeudi, Wednesday = mercredi
""")
MONTHS = pairs("""
July = juillet, August = août, June = juin, December = décembre, January = janvier, May = mai
September = septembre, April = avril, March = mars, October = octobre, February = février
November = novembre
""")
NUMBERS = pairs("""
two = deux, three = trois, four = quatre, five = cinq, ten = dix, six = six, eight = huit
seven = sept, twenty = vingt, nine = neuf, twelve = douze, thirty = trente, fifteen = quinze
eleven = onze, forty = quarante, fifty = cinquante, a hundred = cent, sixteen = seize
""")
UNITS = pairs("years = ans, months = mois, weeks = semaines, days = jours")

# What one does every day, and the hours (by their place in HOURS) when one does it.
DAILY = (
    (verb("get up", "se lever"), (0, 2, 3, 4, 10, 13)),
    (verb("go to bed", "se coucher"), (5, 4, 12, 9, 15)),
    (verb("wake up", "se réveiller"), (2, 3, 0, 4, 16)),
    (verb("have dinner", "dîner"), (0, 2, 10, 3, 13)),
    (verb("have lunch", "déjeuner"), (1, 14)),
    (verb("leave", "partir"), (0, 1, 4, 3, 8, 11, 7)),
    (verb("have breakfast", "prendre le petit déjeuner"), (2, 0, 4, 10, 5)),
    (verb("go home", "rentrer à la maison"), (3, 8, 2, 9, 1, 16)),
    (verb("begin to work", "commencer à travailler"), (0, 4, 2, 15)),
)
PAST_TIMES = pairs("""
yesterday = hier, this morning = ce matin, last night = hier soir, last week = la semaine dernière
last Sunday = dimanche dernier, two days ago = il y a deux jours, yesterday morning = hier matin
last Monday = lundi dernier, an hour ago = il y a une heure, last Saturday = samedi dernier
last Friday = vendredi dernier, a week ago = il y a une semaine
""")
FUTURE_TIMES = pairs("""
tomorrow = demain, tonight = ce soir, soon = bientôt, tomorrow morning = demain matin
on Monday = lundi, tomorrow night = demain soir, on Saturday = samedi
this afternoon = cet après-midi, on Sunday = dimanche, on Friday = vendredi
this weekend = ce week-end, next week = la semaine prochaine
""")
# For what is not done every day: travelling, moving house, the weather.
FAR_PAST = pairs("""
last year = l'année dernière, last month = le mois dernier, last summer = l'été dernier
a long time ago = il y a longtemps, three years ago = il y a trois ans
last winter = l'hiver dernier
""")
FAR_FUTURE = pairs("""
next year = l'année prochaine, next month = le mois prochain, next summer = l'été prochain
in two weeks = dans deux semaines, next winter = l'hiver prochain
""")
RARE_TIMES = pairs("""
every year = tous les ans, every summer = tous les étés, in summer = en été
in winter = en hiver, every month = tous les mois
""")
HABIT_TIMES = pairs("""
every day = tous les jours, every morning = tous les matins, every evening = tous les soirs
on Sundays = le dimanche, on weekends = le week-end
in the morning = le matin, in the evening = le soir, on Mondays = le lundi
on Saturdays = le samedi, in the afternoon = l'après-midi
""")
NOW_TIMES = pairs("now = maintenant, right now = en ce moment, today = aujourd'hui")
FREQUENCY = pairs("often = souvent, always = toujours, sometimes = parfois, rarely = rarement")
