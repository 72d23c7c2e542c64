"""Sentences about amounts: how much, how many."""

from random import Random

from tools.starter.clauses import Predicate, Tense, clause, english, french
from tools.starter.draw import Table, evenly, ranked, weighted
from tools.starter.frames import say
from tools.starter.french import elide
from tools.starter.lexicon import Noun, Pair, Verb, pairs, verb, verbs
from tools.starter.people import pronoun, subject
from tools.starter.phrases import SOME, A, Phrase, noun_phrase
from tools.starter.words.nouns import NOUNS

_QUANTITIES = Table(pairs("""
a lot of = beaucoup de, too much/too many = trop de, enough = assez de, little/few = peu de
"""))  # fmt: skip
_QUANTITY_VERBS = weighted(
    (1.0, (verb("have", "avoir"), ("thing", "reading", "clothes", "animal"))),
    (0.8, (verb("eat", "manger"), ("food",))), (0.5, (verb("drink", "boire"), ("drink",))),
    (0.5, (verb("buy", "acheter"), ("food", "clothes", "thing"))),
    (0.4, (verb("read", "lire"), ("reading",))),
)  # fmt: skip
_QUANTITY_TENSES = evenly([Tense.HABIT, Tense.PAST])


def _had_or_used(rng: Random) -> tuple[Verb, Noun, Phrase]:
    """Draw a verb and a noun, with its bare phrase, that one has, eats or buys in quantities."""
    the_verb, themes = _QUANTITY_VERBS.draw(rng)
    noun = NOUNS[ranked(themes).draw(rng)].draw(rng)
    phrase = noun_phrase(SOME if noun.kind == "mass" else A, noun, noun.kind == "count")
    return the_verb, noun, phrase


def how_much(rng: Random) -> Pair:
    """Elle a beaucoup de livres. She has a lot of books."""
    who, quantity = subject(rng), _QUANTITIES.draw(rng)
    the_verb, noun, phrase = _had_or_used(rng)
    much, _, many = quantity.en.partition("/")
    en = many if many and noun.kind != "mass" else much
    fr = quantity.fr.removesuffix(" de") + " " + phrase.fr_denied
    tense = Tense.PRESENT if the_verb.aspect == "state" else _QUANTITY_TENSES.draw(rng)
    return clause(who, Predicate(the_verb, f"{en} {phrase.en}", fr), tense)


def how_many(rng: Random) -> Pair:
    """Combien de livres as-tu ? How many books do you have?"""
    who = pronoun(rng)
    the_verb, noun, phrase = _had_or_used(rng)
    tense = Tense.PRESENT if the_verb.aspect == "state" else Tense.SOON
    much = "much" if noun.kind == "mass" else "many"
    what = Predicate(the_verb)
    return Pair(
        f"how {much} {phrase.en} {english(who, what, tense, question=True)}",
        f"combien {phrase.fr_denied} {french(who, what, tense, invert=True)}",
    )


def _measure(amounts: str, stuff: str, doing: str) -> tuple[Table[Pair], Table[Pair], Table[Verb]]:
    """Amounts, what they are of, and what is done with that."""
    anything = "want = vouloir, bring = apporter, take = prendre"
    return Table(pairs(amounts)), Table(pairs(stuff)), Table(verbs(f"{doing}, {anything}"))


_MEASURES = weighted(
    (1.0, _measure("a cup of = une tasse de, two cups of = deux tasses de",
                   "tea = thé, coffee = café", "drink = boire")),
    (0.9, _measure("a glass of = un verre de, a bottle of = une bouteille de",
                   "water = eau, milk = lait, wine = vin, orange juice = jus d'orange",
                   "drink = boire")),
    (0.7, _measure("a piece of = un morceau de",
                   "bread = pain, cheese = fromage, chocolate = chocolat, cake = gâteau",
                   "eat = manger")),
    (0.5, _measure("a kilo of = un kilo de, two kilos of = deux kilos de",
                   "apples = pommes, potatoes = pommes de terre, tomatoes = tomates, sugar = sucre",
                   "buy = acheter")),
)  # fmt: skip


def measured(rng: Random) -> Pair:
    """Je bois une tasse de thé. I am drinking a cup of tea."""
    who = subject(rng)
    amounts, stuffs, doings = _MEASURES.draw(rng)
    amount, stuff, the_verb = amounts.draw(rng), stuffs.draw(rng), doings.draw(rng)
    fr = elide(f"{amount.fr} {stuff.fr}")
    return say(rng, who, Predicate(the_verb, f"{amount.en} {stuff.en}", fr, fr))
