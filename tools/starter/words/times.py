"""Hours, days, numbers, and phrases that say when."""

from tools.starter.draw import Table
from tools.starter.lexicon import pairs, verb

HOURS = Table(pairs("""
eight o'clock = huit heures, noon = midi, seven o'clock = sept heures, six o'clock = six heures
nine o'clock = neuf heures, ten o'clock = dix heures, three o'clock = trois heures
two o'clock = deux heures, five o'clock = cinq heures, midnight = minuit
half past eight = huit heures et demie, four o'clock = quatre heures
eleven o'clock = onze heures, half past seven = sept heures et demie, one o'clock = une heure
half past nine = neuf heures et demie, half past six = six heures et demie
"""))  # fmt: skip
DAYS = Table(pairs("""
Monday = lundi, Sunday = dimanche, Saturday = samedi, Friday = vendredi, Tuesday = mardi
Thursday = jeudi, Wednesday = mercredi
"""))  # fmt: skip
MONTHS = Table(pairs("""
July = juillet, August = août, June = juin, December = décembre, January = janvier, May = mai
September = septembre, April = avril, March = mars, October = octobre, February = février
November = novembre
"""))  # fmt: skip
NUMBERS = Table(pairs("""
two = deux, three = trois, four = quatre, five = cinq, ten = dix, six = six, eight = huit
seven = sept, twenty = vingt, nine = neuf, twelve = douze, thirty = trente, fifteen = quinze
eleven = onze, forty = quarante, fifty = cinquante, a hundred = cent, sixteen = seize
"""))  # fmt: skip
"""From two; commonest first."""
UNITS = Table(pairs("years = ans, months = mois, weeks = semaines, days = jours"))
"""Units of durations."""
# What one does every day, and the hours (by their place in HOURS) when one does it.
_DAILY = (
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
DAILY = Table([
    (daily_verb, Table([HOURS.items[index] for index in hours])) for daily_verb, hours in _DAILY
])  # fmt: skip
"""Daily activities with their usual hours."""
PAST_TIMES = Table(pairs("""
yesterday = hier, this morning = ce matin, last night = hier soir, last week = la semaine dernière
last Sunday = dimanche dernier, two days ago = il y a deux jours, yesterday morning = hier matin
last Monday = lundi dernier, an hour ago = il y a une heure, last Saturday = samedi dernier
last Friday = vendredi dernier, a week ago = il y a une semaine
"""))  # fmt: skip
FUTURE_TIMES = Table(pairs("""
tomorrow = demain, tonight = ce soir, soon = bientôt, tomorrow morning = demain matin
on Monday = lundi, tomorrow night = demain soir, on Saturday = samedi
this afternoon = cet après-midi, on Sunday = dimanche, on Friday = vendredi
this weekend = ce week-end, next week = la semaine prochaine
"""))  # fmt: skip
FAR_PAST = Table(pairs("""
last year = l'année dernière, last month = le mois dernier, last summer = l'été dernier
a long time ago = il y a longtemps, three years ago = il y a trois ans
last winter = l'hiver dernier
"""))  # fmt: skip
"""Past times of rare activities: travelling, moving house."""
FAR_FUTURE = Table(pairs("""
next year = l'année prochaine, next month = le mois prochain, next summer = l'été prochain
in two weeks = dans deux semaines, next winter = l'hiver prochain
"""))  # fmt: skip
"""Future times of rare activities."""
RARE_TIMES = Table(pairs("""
every year = tous les ans, every summer = tous les étés, in summer = en été
in winter = en hiver, every month = tous les mois
"""))  # fmt: skip
"""Frequencies of rare activities."""
HABIT_TIMES = Table(pairs("""
every day = tous les jours, every morning = tous les matins, every evening = tous les soirs
on Sundays = le dimanche, on weekends = le week-end
in the morning = le matin, in the evening = le soir, on Mondays = le lundi
on Saturdays = le samedi, in the afternoon = l'après-midi
"""))  # fmt: skip
"""Frequencies of everyday activities."""
NOW_TIMES = Table(pairs("now = maintenant, right now = en ce moment, today = aujourd'hui"))
FREQUENCY = pairs("often = souvent, always = toujours, sometimes = parfois, rarely = rarement")
"""Words that stand beside the verb."""
