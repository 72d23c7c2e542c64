"""The starter corpus: its size and shape, and the French and English that it is made of."""

import math
import re
import subprocess
import sys
import time
from collections import Counter
from itertools import islice

import pytest

from s2s.data import starter, starter_words
from s2s.data.starter import (
    HER,
    HIS,
    MY,
    NEVER,
    NOT,
    OUR,
    PRONOUNS,
    SOME,
    THE,
    THIS,
    A,
    Predicate,
    Subject,
    Tense,
    noun_phrase,
    starter_pairs,
    written,
)
from s2s.data.starter_words import (
    NOUNS,
    Noun,
    Pair,
    adjectives,
    agree,
    article,
    contract,
    elide,
    english_verb,
    french_feminine,
    french_plural,
    french_verb,
    imperative,
    plural_s,
    verb,
)

WORD = re.compile(r"[^\W\d_]+'?|\d+|[.,!?]")


@pytest.fixture(scope="module")
def pairs() -> list[tuple[str, str]]:
    return starter_pairs()


@pytest.fixture(scope="module")
def english(pairs: list[tuple[str, str]]) -> str:
    return "\n".join(english for english, _ in pairs)


@pytest.fixture(scope="module")
def french(pairs: list[tuple[str, str]]) -> str:
    return "\n".join(french for _, french in pairs)


# ------------------------------------------------------------------ size and shape


def test_same_corpus_every_time(pairs: list[tuple[str, str]]) -> None:
    assert starter_pairs() == pairs


def test_same_corpus_whatever_the_hash_seed() -> None:
    program = (
        "from s2s.data.starter import sentences; from itertools import islice;"
        "print(list(islice(sentences(0), 300)))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path), "PYTHONUTF8": "1"},
            capture_output=True,
            check=True,
            text=True,
            encoding="utf-8",
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_another_seed_makes_another_corpus() -> None:
    assert list(islice(starter.sentences(1), 100)) != list(islice(starter.sentences(0), 100))


def test_made_within_seconds() -> None:
    started = time.process_time()
    starter_pairs(seed=7)
    assert time.process_time() - started < 6  # 1.1 s where written; room for a slow machine


def test_many_distinct_pairs(pairs: list[tuple[str, str]]) -> None:
    assert len(pairs) == len(set(pairs)) >= 50_000


def test_each_french_sentence_once(pairs: list[tuple[str, str]]) -> None:
    assert len({french for _, french in pairs}) == len(pairs)


def test_french_decides_the_english() -> None:
    """Not by leaving out the second translation: the grammar never makes one."""
    made: dict[str, str] = {}
    for english, french in islice(starter.sentences(3), 60_000):
        assert made.setdefault(french, english) == english, french


@pytest.mark.parametrize(("side", "types"), [(0, 600), (1, 1200)])
def test_vocabulary_lengths_and_zipf(pairs: list[tuple[str, str]], side: int, types: int) -> None:
    counts: Counter[str] = Counter()
    lengths = []
    for pair in pairs:
        tokens = WORD.findall(pair[side].lower())
        counts.update(tokens)
        lengths.append(len(tokens))
    assert len(counts) >= types
    assert 6 <= sum(lengths) / len(lengths) <= 9
    assert min(lengths) >= 3
    assert max(lengths) <= 14
    ranked = [
        (math.log(rank), math.log(count))
        for rank, (_, count) in enumerate(counts.most_common(500), 1)
    ]
    mean_x = sum(x for x, _ in ranked) / len(ranked)
    mean_y = sum(y for _, y in ranked) / len(ranked)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in ranked) / sum(
        (x - mean_x) ** 2 for x, _ in ranked
    )
    assert -1.3 < slope < -0.8


def test_no_first_words_dominate(pairs: list[tuple[str, str]]) -> None:
    starts = Counter(" ".join(english.split()[:2]) for english, _ in pairs)
    assert starts.most_common(1)[0][1] < len(pairs) / 20
    assert len(starts) > 1000


def test_every_pattern_is_used_and_explains_itself() -> None:
    for pattern, _ in starter.PATTERNS.items:
        assert pattern.__doc__, pattern
        rng = starter.Random(5)
        made = {pattern(rng) for _ in range(40)}
        assert len(made) > 8, pattern


# ------------------------------------------------------------------ French forms, by hand


@pytest.mark.parametrize(
    ("infinitive", "tense", "forms"),
    [
        ("manger", "present", "mange manges mange mangeons mangez mangent"),
        ("manger", "imperfect", "mangeais mangeais mangeait mangions mangiez mangeaient"),
        ("commencer", "present", "commence commences commence commençons commencez commencent"),
        ("commencer", "imperfect", "commençais commençais commençait commencions commenciez "
         "commençaient"),
        ("acheter", "present", "achète achètes achète achetons achetez achètent"),
        ("acheter", "future", "achèterai achèteras achètera achèterons achèterez achèteront"),
        ("préférer", "present", "préfère préfères préfère préférons préférez préfèrent"),
        ("préférer", "future", "préférerai préféreras préférera préférerons préférerez "
         "préféreront"),
        ("appeler", "present", "appelle appelles appelle appelons appelez appellent"),
        ("jeter", "future", "jetterai jetteras jettera jetterons jetterez jetteront"),
        ("nettoyer", "present", "nettoie nettoies nettoie nettoyons nettoyez nettoient"),
        ("essayer", "present", "essaie essaies essaie essayons essayez essaient"),
        ("finir", "present", "finis finis finit finissons finissez finissent"),
        ("finir", "imperfect", "finissais finissais finissait finissions finissiez finissaient"),
        ("attendre", "present", "attends attends attend attendons attendez attendent"),
        ("attendre", "conditional", "attendrais attendrais attendrait attendrions attendriez "
         "attendraient"),
        ("être", "present", "suis es est sommes êtes sont"),
        ("être", "imperfect", "étais étais était étions étiez étaient"),
        ("avoir", "future", "aurai auras aura aurons aurez auront"),
        ("aller", "present", "vais vas va allons allez vont"),
        ("faire", "present", "fais fais fait faisons faites font"),
        ("vouloir", "conditional", "voudrais voudrais voudrait voudrions voudriez voudraient"),
        ("pouvoir", "present", "peux peux peut pouvons pouvez peuvent"),
        ("venir", "future", "viendrai viendras viendra viendrons viendrez viendront"),
        ("boire", "imperfect", "buvais buvais buvait buvions buviez buvaient"),
        ("envoyer", "future", "enverrai enverras enverra enverrons enverrez enverront"),
        ("se lever", "present", "lève lèves lève levons levez lèvent"),
    ],
)  # fmt: skip
def test_conjugation(infinitive: str, tense: str, forms: str) -> None:
    assert " ".join(getattr(french_verb(infinitive), tense)) == forms


@pytest.mark.parametrize(
    ("infinitive", "participle"),
    [("parler", "parlé"), ("finir", "fini"), ("vendre", "vendu"), ("prendre", "pris"),
     ("ouvrir", "ouvert"), ("devoir", "dû"), ("peindre", "peint"), ("recevoir", "reçu")],
)  # fmt: skip
def test_participles(infinitive: str, participle: str) -> None:
    assert french_verb(infinitive).participle == participle


@pytest.mark.parametrize(
    ("infinitive", "person", "order"),
    [("parler", 1, "parle"), ("aller", 1, "va"), ("ouvrir", 1, "ouvre"), ("finir", 1, "finis"),
     ("prendre", 4, "prenez"), ("manger", 3, "mangeons"), ("être", 1, "sois"),
     ("avoir", 4, "ayez")],
)  # fmt: skip
def test_imperatives(infinitive: str, person: int, order: str) -> None:
    assert imperative(french_verb(infinitive), person) == order


@pytest.mark.parametrize(
    ("plain", "elided"),
    [
        ("je aime", "j'aime"), ("je habite", "j'habite"), ("le héros", "le héros"),
        ("la Hongrie", "la Hongrie"), ("le haricot", "le haricot"), ("le homme", "l'homme"),
        ("que il", "qu'il"), ("si il pleut", "s'il pleut"), ("si elle", "si elle"),
        ("je y vais", "j'y vais"), ("de onze", "de onze"), ("le œuf", "l'œuf"),
        ("parce que elle", "parce qu'elle"), ("ne est", "n'est"), ("donne-le à", "donne-le à"),
        ("Je écoute", "J'écoute"), ("le yaourt", "le yaourt"), ("de Emma", "d'Emma"),
        ("je me habille", "je m'habille"), ("quelque ami", "quelque ami"),
    ],
)  # fmt: skip
def test_elision(plain: str, elided: str) -> None:
    assert elide(plain) == elided


@pytest.mark.parametrize(
    ("preposition", "phrase", "contracted"),
    [("à", "le marché", "au marché"), ("à", "les enfants", "aux enfants"),
     ("à", "la gare", "à la gare"), ("à", "l'école", "à l'école"), ("de", "le chien", "du chien"),
     ("de", "les États-Unis", "des États-Unis"), ("de", "l'homme", "de l'homme"),
     ("de", "Alice", "d'Alice"), ("de", "le héros", "du héros"), ("à", "Paul", "à Paul"),
     ("de", "mon frère", "de mon frère"), ("de", "un stylo", "d'un stylo")],
)  # fmt: skip
def test_contraction(preposition: str, phrase: str, contracted: str) -> None:
    assert contract(preposition, phrase) == contracted  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("participle", "feminine", "plural", "agreed"),
    [("allé", True, False, "allée"), ("parti", True, True, "parties"),
     ("pris", False, True, "pris"),
     ("pris", True, False, "prise"), ("venu", False, True, "venus")],
)  # fmt: skip
def test_participle_agreement(participle: str, feminine: bool, plural: bool, agreed: str) -> None:
    assert agree(participle, feminine, plural) == agreed


@pytest.mark.parametrize(
    ("singular", "plural"),
    [("chat", "chats"), ("gâteau", "gâteaux"), ("journal", "journaux"), ("bras", "bras"),
     ("jeu", "jeux"), ("nez", "nez"), ("bleu", "bleus")],
)  # fmt: skip
def test_french_plurals(singular: str, plural: str) -> None:
    assert french_plural(singular) == plural


@pytest.mark.parametrize(
    ("masculine", "feminine"),
    [("petit", "petite"), ("heureux", "heureuse"), ("cher", "chère"), ("italien", "italienne"),
     ("jeune", "jeune"), ("fatigué", "fatiguée")],
)  # fmt: skip
def test_french_feminines(masculine: str, feminine: str) -> None:
    assert french_feminine(masculine) == feminine


# ------------------------------------------------------------------ noun phrases, by hand


def the_noun(theme: str, french_word: str) -> Noun:
    return next(noun for noun in NOUNS[theme] if noun.fr == french_word)


BEAUTIFUL, OLD, SMALL, BLACK, NEW = adjectives(
    "handsome/beautiful = <beau belle bel, old = <vieux vieille vieil, small = <petit, "
    "black = noir, new = <nouveau nouvelle nouvel"
)


@pytest.mark.parametrize(
    ("determiner", "noun", "plural", "adjective", "color", "fr", "en"),
    [
        (A, ("animal", "chat"), False, SMALL, BLACK, "un petit chat noir", "a small black cat"),
        (A, ("building", "maison"), False, BEAUTIFUL, None, "une belle maison",
         "a beautiful house"),
        (A, ("person", "homme"), False, BEAUTIFUL, None, "un bel homme", "a handsome man"),
        (A, ("family", "ami"), False, OLD, None, "un vieil ami", "an old friend"),
        (A, ("vehicle", "voiture"), False, NEW, None, "une nouvelle voiture", "a new car"),
        (A, ("thing", "fleur"), True, BEAUTIFUL, None, "de belles fleurs", "beautiful flowers"),
        (MY, ("family", "amie"), False, None, None, "mon amie", "my friend"),
        (HER, ("building", "école"), False, None, None, "son école", "her school"),
        (HIS, ("clothes", "écharpe"), False, None, None, "son écharpe", "his scarf"),
        (MY, ("family", "amie"), False, OLD, None, "ma vieille amie", "my old friend"),
        (THE, ("person", "héros"), False, None, None, "le héros", "the hero"),
        (THE, ("person", "homme"), False, None, None, "l'homme", "the man"),
        (THE, ("person", "homme"), False, OLD, None, "le vieil homme", "the old man"),
        (THIS, ("nature", "arbre"), False, None, None, "cet arbre", "this tree"),
        (THIS, ("nature", "arbre"), False, NEW, None, "ce nouvel arbre", "this new tree"),
        (OUR, ("family", "enfants"), False, None, None, "nos enfants", "our children"),
        (SOME, ("drink", "eau"), False, None, None, "de l'eau", "water"),
        (SOME, ("food", "pain"), False, None, None, "du pain", "bread"),
        (A, ("reading", "journal"), True, None, None, "des journaux", "newspapers"),
        (A, ("animal", "oiseau"), True, OLD, None, "de vieux oiseaux", "old birds"),
    ],
)  # fmt: skip
def test_noun_phrases(determiner, noun, plural, adjective, color, fr, en) -> None:  # type: ignore[no-untyped-def]
    phrase = noun_phrase(determiner, the_noun(*noun), plural, adjective, color)
    assert (phrase.fr, phrase.en) == (fr, en)


@pytest.mark.parametrize(
    ("determiner", "noun", "plural", "denied"),
    [(SOME, ("food", "pain"), False, "de pain"), (A, ("food", "orange"), True, "d'oranges"),
     (THE, ("food", "pain"), False, "le pain"), (MY, ("thing", "clé"), False, "ma clé"),
     (A, ("food", "haricot"), True, "de haricots")],
)  # fmt: skip
def test_after_pas(determiner, noun, plural, denied) -> None:  # type: ignore[no-untyped-def]
    assert noun_phrase(determiner, the_noun(*noun), plural).fr_denied == denied


# ------------------------------------------------------------------ clauses, by hand


def who(fr: str, feminine: bool = False) -> Subject:
    return next(found for found in PRONOUNS.items if found.fr == fr and found.feminine is feminine)


EAT_BREAD = Predicate(verb("eat", "manger"), "bread", "du pain", "de pain")


@pytest.mark.parametrize(
    ("subject", "what", "tense", "middle", "fr", "en"),
    [
        (who("il"), EAT_BREAD, Tense.PRESENT, starter.PLAIN, "Il mange du pain.",
         "He is eating bread."),
        (who("je"), EAT_BREAD, Tense.HABIT, NEVER, "Je ne mange jamais de pain.",
         "I never eat bread."),
        (who("nous"), EAT_BREAD, Tense.PAST, NOT, "Nous n'avons pas mangé de pain.",
         "We did not eat bread."),
        (who("elle", True), Predicate(verb("leave", "partir")), Tense.PAST, starter.PLAIN,
         "Elle est partie.", "She left."),
        (who("elles", True), Predicate(verb("leave", "partir")), Tense.PAST, NOT,
         "Elles ne sont pas parties.", "They did not leave."),
        (who("je", True), Predicate(verb("get up", "se lever")), Tense.PAST, starter.PLAIN,
         "Je me suis levée.", "I got up."),
        (who("on"), Predicate(verb("get dressed", "s'habiller")), Tense.SOON, starter.PLAIN,
         "On va s'habiller.", "We are going to get dressed."),
        (who("elle", True), Predicate(verb("wash", "se laver les mains"), "her hands"),
         Tense.PAST, starter.PLAIN, "Elle s'est lavé les mains.", "She washed her hands."),
        (who("je"), Predicate(verb("be hungry", "avoir faim")), Tense.PRESENT, NOT,
         "Je n'ai pas faim.", "I am not hungry."),
        (who("il"), Predicate(verb("see", "voir"), "her", "", "", "la", True), Tense.PAST,
         starter.PLAIN, "Il l'a vue.", "He saw her."),
        (who("vous"), Predicate(verb("see", "voir"), "them", "", "", "les", False, True),
         Tense.PAST, starter.PLAIN, "Vous les avez vus.", "You saw them."),
        (who("tu"), Predicate(verb("see", "voir"), "me", "", "", "me"), Tense.SOON, NOT,
         "Tu ne vas pas me voir.", "You are not going to see me."),
    ],
)  # fmt: skip
def test_clauses(subject, what, tense, middle, fr, en) -> None:  # type: ignore[no-untyped-def]
    said = Pair(
        starter.english(subject, what, tense, middle), starter.french(subject, what, tense, middle)
    )
    assert written(said, ".") == (en, fr)


@pytest.mark.parametrize(
    ("form", "pronoun", "turned"),
    [("parle", "il", "parle-t-il"), ("va", "elle", "va-t-elle"), ("as", "tu", "as-tu"),
     ("prend", "on", "prend-on"), ("voulez", "vous", "voulez-vous"), ("a", "on", "a-t-on")],
)  # fmt: skip
def test_inversion(form: str, pronoun: str, turned: str) -> None:
    assert starter.inverted(form, pronoun) == turned


# ------------------------------------------------------------------ English forms, by hand


@pytest.mark.parametrize(
    ("phrase", "forms"),
    [
        ("look for", "look for,looks for,looked for,looked for,looking for"),
        ("stop", "stop,stops,stopped,stopped,stopping"),
        ("study", "study,studies,studied,studied,studying"),
        ("write", "write,writes,wrote,written,writing"),
        ("see", "see,sees,saw,seen,seeing"), ("watch", "watch,watches,watched,watched,watching"),
        ("prefer", "prefer,prefers,preferred,preferred,preferring"),
        ("clean", "clean,cleans,cleaned,cleaned,cleaning"),
        ("go to bed", "go to bed,goes to bed,went to bed,gone to bed,going to bed"),
        ("play", "play,plays,played,played,playing"), ("cut", "cut,cuts,cut,cut,cutting"),
    ],
)  # fmt: skip
def test_english_verbs(phrase: str, forms: str) -> None:
    assert ",".join(english_verb(phrase)[:5]) == forms


@pytest.mark.parametrize(
    ("word", "expected"),
    [("apple", "an"), ("hour", "an"), ("university", "a"), ("house", "a"), ("old man", "an"),
     ("European", "a"), ("umbrella", "an"), ("honest man", "an")],
)  # fmt: skip
def test_articles(word: str, expected: str) -> None:
    assert article(word) == expected


@pytest.mark.parametrize(
    ("word", "plural"),
    [("box", "boxes"), ("story", "stories"), ("key", "keys"), ("dish", "dishes"), ("cat", "cats")],
)
def test_english_plurals(word: str, plural: str) -> None:
    assert plural_s(word) == plural


# ------------------------------------------------------------------ all of the text

VOWEL = r"(?!onze|oui|yaourt|huit|haut|hér|hibou|hamster|haricot|hongr)[aeiouàâéèêëîïôûœh]"


@pytest.mark.parametrize(
    "forbidden",
    [
        r"\bde le\b", r"\bà le\b", r"\bde les\b", r"\bà les\b", r"\bde du\b", r"\bde des\b",
        rf"(?<!-)\b(?:je|me|te|se|ne|de|que|le|la) {VOWEL}", r"\bsi ils?\b",
        rf"\b(?:ma|ta|sa|ce) {VOWEL}",
        r"\b(?:beau|vieux|nouveau) (?:homme|ami|arbre|hôtel|hôpital|ordinateur|ours|appartement)\b",
        r"  ", r"\bpas (?:du|des|un|une) (?!de )(?:pain|eau)\b", r"[^ ][?!]", r"’", r" [.,]",
        r"\b(?:un|le|ce|mon|du) (?:maison|voiture|école|table|mère|sœur)\b",
        r"\b(?:une|la|cette|ma) (?:chien|chat|livre|père|frère|jardin|pain)\b",
        r"\bil est (?:\w+ée|allée)\b", r"\belle est (?:allé|parti|venu)\b", r"\bils? est allés\b",
        r"\bje (?:est|a|va|sont)\b", r"\bnous (?:est|ont|vont)\b(?! )", r"\bils (?:est|a|va)\b",
        r"\bne (?:\w+ ){1,2}ne\b", r"\bpas pas\b", r"\bj'y irai",
        r"\ben (?:Japon|Canada|Portugal)\b",
        r"\bau (?:France|Italie|Espagne)\b", r"\bsoeur|coeur|oeuf\b", r"\bd' | l' ",
    ],
)  # fmt: skip
def test_french_never_has(french: str, forbidden: str) -> None:
    found = re.search(rf"^.*(?:{forbidden}).*$", french, re.MULTILINE | re.IGNORECASE)
    assert found is None, found and found[0]


@pytest.mark.parametrize(
    "forbidden",
    [
        r"  ", r" [.,?!]", r"\ba (?!uni|use|euro|one)[aeiou]", r"\ban (?!hour|honest)[^aeiou]",
        r"\ban uni", r"\bI (?:is|are|has|does)\b",
        r"^(?:He|She|It) (?:am|are|have|do|were)\b", r"^(?:We|They|You) (?:am|is|has|does|was)\b",
        r"\b(?:can|must|will|would|should|could) (?:not )?(?:\w+ed|goes|has|is|was)\b(?<!need)",
        r"\bcan not\b", r"\bdo not never\b", r"\bdid not (?:was|were|had|went|ate|saw)\b",
        r"\bthe the\b", r"\ba the\b", r"\bto to\b", r"\bis going to is\b", r"\bnot not\b",
        r"\b(?:one|two|three) \w+ (?:is|was) ", r"\bn't\b", r"\bto (?:at|in) ",
    ],
)  # fmt: skip
def test_english_never_has(english: str, forbidden: str) -> None:
    found = re.search(rf"^.*(?:{forbidden}).*$", english, re.MULTILINE)
    assert found is None, found and found[0]


def test_sentences_begin_with_a_capital_and_end_with_a_mark(pairs: list[tuple[str, str]]) -> None:
    for english, french in pairs:
        assert english[0].isupper()
        assert french[0].isupper()
        assert english[-1] == french[-1]
        assert re.search(r"\w[.!?]$", english)
        assert re.search(r"\w(?:\.| !| \?)$", french)


@pytest.mark.parametrize("mark", [".", "?", "!"])
def test_every_kind_of_sentence_is_there(pairs: list[tuple[str, str]], mark: str) -> None:
    assert sum(english.endswith(mark) for english, _ in pairs) > 500


@pytest.mark.parametrize(
    "construct",
    [
        r"est-ce que", r"-t-(?:il|elle|on) ", r"\bqu'est-ce qu", r"\bcombien d", r"\bpourquoi\b",
        r"\bil y a\b", r"\bil faut\b", r"^C'est ", r"n'est pas", r"\bjamais\b", r"\bplus\b",
        r"\brien\b", r"\bpersonne\b", r"\bdepuis\b", r"\bplus \w+ que\b", r"\baussi \w+ qu",
        r"\bil pleut\b", r"\bvoudrais\b", r"\bme lève\b", r"\bai faim\b", r"\bpeur d", r"\baux? ",
        r"\bchez\b", r"\ben train\b", r"\bà pied\b", r"\bparce qu", r"\bquand\b", r"\bsi |s'il\b",
        r" qui ", r"\bs'il (?:vous|te) plaît", r"\bvien(?:s|t) de\b|venons de",
        r"\by (?:vais|va)\b",
        r"\bsœur\b", r"\bheures et demie\b", r"\bOn ", r"\bmédecin\b", r"\bhér|Hongrie",
        r"\bQuelle? ", r"\bbeaucoup d", r"\btasse d", r"\b(?:ans|mois)\.$",
    ],
)  # fmt: skip
def test_construct_is_there(french: str, construct: str) -> None:
    assert len(re.findall(construct, french, re.MULTILINE | re.IGNORECASE)) >= 10


def test_words_of_each_theme_are_drawn(french: str) -> None:
    written_words = set(WORD.findall(french.lower()))
    for theme, nouns in starter_words.NOUNS.items():
        drawn = [noun for noun in nouns if set(WORD.findall(noun.fr.lower())) <= written_words]
        assert len(drawn) >= 0.7 * len(nouns), theme
