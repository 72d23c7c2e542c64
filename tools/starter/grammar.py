"""All patterns with their frequencies."""

from collections.abc import Callable
from random import Random

from tools.starter.draw import weighted
from tools.starter.lexicon import Pair
from tools.starter.patterns.amounts import how_many, how_much, measured
from tools.starter.patterns.comparing import best, compared, tallest
from tools.starter.patterns.doing import (
    done_alone,
    done_to_person,
    done_to_thing,
    done_with,
    gone,
    gone_there,
    nothing,
    said_to_person,
    travelled,
    washed,
)
from tools.starter.patterns.infinitives import (
    able,
    feel_like,
    for_purpose,
    just_done,
    needed,
    too_much_to,
    tried,
    wanted,
    would_like,
)
from tools.starter.patterns.joined import (
    because,
    if_then,
    knows_someone_who,
    thinks_that,
    when_habit,
    which_one_did,
    while_then,
    who_does,
)
from tools.starter.patterns.orders import do_not_be, give_me, greeting, how_it_is, order, what_a
from tools.starter.patterns.people import (
    afraid,
    avoir_idiom,
    called,
    comes_from,
    felt,
    is_like,
    lives,
    where_one_is,
    works_as,
    years_old,
)
from tools.starter.patterns.pronouns import given, given_to, seen, spoken_to
from tools.starter.patterns.questions import (
    about_person,
    asked,
    request,
    turned_around,
    what_question,
    where_is,
    who_question,
    yes_or_no,
)
from tools.starter.patterns.things import (
    is_colored,
    is_thus,
    it_is,
    there_is,
    this_is,
    where_it_is,
    whose,
)
from tools.starter.patterns.time import clock, daily, since, used_to, weather

Pattern = Callable[[Random], Pair]
"""Returns one sentence, without capital and punctuation mark."""
_STATEMENTS: list[tuple[float, Pattern]] = [
    (11.0, done_to_thing), (8.0, done_alone), (4.5, done_to_person), (4.2, gone), (4.0, felt),
    (3.6, is_thus), (3.2, wanted), (3.0, seen), (2.8, able), (2.5, there_is), (2.2, is_like),
    (1.2, travelled),
    (2.0, this_is), (2.0, daily), (1.8, where_one_is), (1.8, avoir_idiom), (1.7, lives),
    (1.6, said_to_person), (1.5, works_as), (1.5, would_like), (1.4, compared), (1.4, where_it_is),
    (1.4, thinks_that), (1.3, because), (1.3, needed), (1.2, given_to), (1.2, done_with),
    (1.1, weather), (1.1, tried), (1.0, spoken_to), (1.0, given), (1.0, comes_from), (1.0, since),
    (0.9, how_much), (0.9, nothing), (0.9, just_done), (0.8, for_purpose), (0.8, clock),
    (0.8, which_one_did), (0.7, if_then), (0.7, when_habit), (0.7, while_then), (0.7, years_old),
    (0.6, who_does), (0.6, measured), (0.6, gone_there), (0.5, it_is), (0.5, is_colored),
    (0.5, feel_like), (0.5, knows_someone_who), (0.4, afraid), (0.4, too_much_to), (0.4, washed),
    (0.4, used_to), (0.3, best), (0.3, whose), (0.3, tallest), (0.3, called),
]  # fmt: skip
_QUESTIONS: list[tuple[float, Pattern]] = [
    (3.0, yes_or_no), (2.0, turned_around), (1.6, asked), (1.5, who_question), (1.4, where_is),
    (1.2, request), (1.2, what_question), (0.7, how_many), (0.5, about_person),
]  # fmt: skip
_ORDERS: list[tuple[float, Pattern]] = [(3.0, order), (1.0, give_me), (0.2, do_not_be)]
_EXCLAMATIONS: list[tuple[float, Pattern]] = [
    (1.3, what_a), (0.9, how_it_is), (0.7, order), (0.2, greeting), (0.1, do_not_be),
]  # fmt: skip
PATTERNS = weighted(
    *((weight, (pattern, ".")) for weight, pattern in _STATEMENTS + _ORDERS),
    *((weight, (pattern, "?")) for weight, pattern in _QUESTIONS),
    *((weight, (pattern, "!")) for weight, pattern in _EXCLAMATIONS),
)
"""Each pattern with the punctuation mark of its sentences."""
