"""Sentences about time and weather."""

from random import Random

from tools.starter.clauses import NOT, PLAIN, Predicate, Tense, clause, french, spaced, with_tail
from tools.starter.draw import Table, evenly, ranked, weighted
from tools.starter.english import HAVE
from tools.starter.frames import FREQUENTLY, Frame
from tools.starter.lexicon import Pair, noun, nouns, pairs, verb, verbs
from tools.starter.people import NAMES, somebody, subject, third_person
from tools.starter.phrases import MY, THE, YOUR, YOUR_VOUS, noun_phrase
from tools.starter.predicates import SKY, doing_alone, living, somewhere
from tools.starter.words.places import CITIES, COUNTRIES
from tools.starter.words.times import (
    DAILY,
    DAYS,
    FUTURE_TIMES,
    HOURS,
    MONTHS,
    NOW_TIMES,
    NUMBERS,
    PAST_TIMES,
    UNITS,
)
from tools.starter.words.verbs import VERBS_ALONE

_SKY_PLACES = Table([
    *pairs("here = ici, in the mountains = à la montagne, in the country = à la campagne"),
    *(Pair(f"in {place.en}", place.fr_in) for place in COUNTRIES.items + CITIES.items),
])  # fmt: skip
_SKY_FRAMES = weighted(
    (1.0, Frame(Tense.PRESENT, times=NOW_TIMES, chance=0.4)), (0.6, Frame(Tense.PRESENT, NOT)),
    (0.7, Frame(Tense.IMPERFECT, times=Table(PAST_TIMES.items[:3]), chance=0.5)),
    (0.7, Frame(Tense.SOON, times=FUTURE_TIMES, chance=0.7)),
    (0.6, Frame(Tense.FUTURE, times=FUTURE_TIMES, chance=0.7)),
    (0.8, Frame(Tense.HABIT, FREQUENTLY[0], _SKY_PLACES, 1)),
    (0.4, Frame(Tense.HABIT, FREQUENTLY[2], _SKY_PLACES, 1)),
    (0.4, Frame(Tense.HABIT, FREQUENTLY[3], _SKY_PLACES, 1)),
    (0.5, Frame(Tense.PRESENT, PLAIN, _SKY_PLACES, 1)),
)  # fmt: skip


def weather(rng: Random) -> Pair:
    """Il pleut souvent en Angleterre. It often rains in England."""
    (who, sky), frame = SKY.draw(rng), _SKY_FRAMES.draw(rng)
    return with_tail(clause(who, Predicate(sky), frame.tense, frame.middle), frame.time(rng))


def _at_hour(hour: Pair) -> Pair:
    """À huit heures: at eight o'clock."""
    return Pair(f"at {hour.en}", f"à {hour.fr}")


_DAILY_FRAMES = weighted(
    (2.0, Frame(Tense.HABIT)), (0.5, Frame(Tense.HABIT, FREQUENTLY[0])),
    (0.2, Frame(Tense.HABIT, FREQUENTLY[1])), (0.1, Frame(Tense.HABIT, FREQUENTLY[2])),
    (1.0, Frame(Tense.PAST)), (0.5, Frame(Tense.SOON)), (0.4, Frame(Tense.FUTURE)),
)  # fmt: skip


def daily(rng: Random) -> Pair:
    """Je me lève à sept heures. I get up at seven o'clock."""
    who, (daily_verb, hours) = subject(rng), DAILY.draw(rng)
    what, frame = Predicate(daily_verb), _DAILY_FRAMES.draw(rng)
    return with_tail(clause(who, what, frame.tense, frame.middle), _at_hour(hours.draw(rng)))


def used_to(rng: Random) -> Pair:
    """Avant, il travaillait à Paris. Before, he used to work in Paris."""
    who, what = subject(rng), doing_alone(rng)
    said = clause(who, what, Tense.USED_TO)
    return Pair(f"before, {said.en}", f"avant, {said.fr}")


_BIRTHDAY = noun("time", "birthday", "anniversaire m")
_SCHEDULED = evenly([
    (noun_phrase(THE, thing), doing)
    for doings, things in (
        ("leave = partir, arrive = arriver", "train = train m, bus = bus m, plane = avion m"),
        ("open = ouvrir, close = fermer",
         "store = magasin m, bank = banque f, museum = musée m, library = bibliothèque f"),
        ("begin = commencer, end = finir",
         "movie = film m, game = match m, class = cours m, meeting = réunion f"),
    )
    for thing in nouns("time", things)
    for doing in verbs(doings)
])  # fmt: skip


def clock(rng: Random) -> Pair:
    """Il est huit heures, le train part à midi. It is eight o'clock, the train leaves at noon."""
    kind = rng.random()
    hour = HOURS.draw(rng)
    if kind < 0.2:
        return Pair(f"it is {hour.en}", f"il est {hour.fr}")
    if kind < 0.35:
        day = DAYS.draw(rng)
        return Pair(f"today is {day.en}", f"aujourd'hui, c'est {day.fr}")
    if kind < 0.5:
        month = MONTHS.draw(rng)
        birthday = noun_phrase(ranked((MY, YOUR, YOUR_VOUS)).draw(rng), _BIRTHDAY)
        return Pair(f"{birthday.en} is in {month.en}", f"{birthday.fr} est en {month.fr}")
    phrase, doing = _SCHEDULED.draw(rng)
    tense = ranked((Tense.HABIT, Tense.PAST, Tense.FUTURE)).draw(rng)
    said = clause(third_person(phrase), Predicate(doing), tense)
    return with_tail(said, _at_hour(hour))


_SINCE_WHEN = Table(pairs("""
Monday = lundi, yesterday = hier, this morning = ce matin, noon = midi, Sunday = dimanche
"""))  # fmt: skip
_LASTING = Table([
    row for row in VERBS_ALONE.items
    if row.verb.en.base in ("work", "travel", "study", "learn French",
                            "learn English", "play the piano", "play the guitar")
])  # fmt: skip


def since(rng: Random) -> Pair:
    """J'habite ici depuis deux ans. I have lived here for two years."""
    who = subject(rng)
    if rng.random() < 0.35:
        what = living(rng)
    elif rng.random() < 0.3:
        person = NAMES.draw(rng) if rng.random() < 0.6 else somebody(rng, described=False)
        what = Predicate(verb("know", "connaître"), person.en, person.fr)
    else:
        what = somewhere(rng, _LASTING.draw(rng), 0.4)
    if what.verb.aspect == "action" and rng.random() < 0.4:
        start = _SINCE_WHEN.draw(rng)
        long = Pair(f"since {start.en}", f"depuis {start.fr}")
    else:
        number, unit = NUMBERS.draw(rng), UNITS.draw(rng)
        long = Pair(f"for {number.en} {unit.en}", f"depuis {number.fr} {unit.fr}")
    en = what.verb.en
    done = en.participle if what.verb.aspect == "state" else f"been {en.ing}"
    return Pair(
        spaced(who.en, HAVE[who.en_person], done, what.en, long.en),
        f"{french(who, what, Tense.PRESENT)} {long.fr}",
    )
