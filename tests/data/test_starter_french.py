"""The starter corpus's French: forms that were written down by hand."""

import pytest

from s2s.data.starter.french import (
    agree,
    contract,
    elide,
    french_feminine,
    french_plural,
    french_verb,
    imperative,
)


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
