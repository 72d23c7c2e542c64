"""The verbs, by their complements, and states that lead to an action."""

from typing import NamedTuple

from tools.starter.draw import Table
from tools.starter.lexicon import Adjective, Verb, verb, verb_rows, verbs
from tools.starter.words.adjectives import FEELINGS, TRAITS

VERBS_WITH_THING = Table(verb_rows("""
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
"""))  # fmt: skip
"""Each with the themes of the things it may be done to."""
VERBS_WITH_PERSON = Table(verb_rows("""
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
"""))  # fmt: skip
"""Done to a person."""
VERBS_TO_PERSON = Table(verb_rows("""
talk to = parler
answer = répondre
write to = écrire
think about = penser
smile at = sourire
"""))  # fmt: skip
"""Said "à" a person."""
VERBS_OF_GIVING = Table(verb_rows("""
give = donner : thing food clothes
show = montrer : thing clothes reading
send = envoyer : writing container
lend = prêter : thing vehicle
bring = apporter : food drink thing
explain = expliquer : explained
sell = vendre : vehicle thing
read = lire : reading
"""))  # fmt: skip
"""Done with a thing of these themes, "à" a person."""
VERBS_ALONE = Table(verb_rows("""
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
"""))  # fmt: skip
"""Without an object, each with where it may be done (keys of PLACES)."""
VERBS_OF_MOTION = Table(verb_rows("""
go = aller
come = venir
return = retourner
"""))  # fmt: skip
"""They say where to."""
AVOIR_IDIOMS = Table(verb_rows("""
be hungry = avoir faim
be thirsty = avoir soif
be cold = avoir froid
be right = avoir raison
be hot = avoir chaud
be afraid = avoir peur
be sleepy = avoir sommeil
be wrong = avoir tort
"""))  # fmt: skip
"""States in "avoir", which English puts with "to be"."""
SKILLS = Table(verbs("""
swim = nager, drive = conduire, read = lire, cook = cuisiner, dance = danser
play the piano = jouer du piano, write = écrire, sing = chanter, play tennis = jouer au tennis
"""))  # fmt: skip
"""Activities that people learn."""
SHARED = Table(verbs("""
work = travailler, play = jouer, eat = manger, dance = danser, sing = chanter
study = étudier, travel = voyager, run = courir, swim = nager, cook = cuisiner
take a walk = se promener, play soccer = jouer au football, play cards = jouer aux cartes
speak French = parler français, have dinner = dîner, do the shopping = faire les courses
"""))  # fmt: skip
"""Activities with another person."""


class Cause(NamedTuple):
    """A state (an adjective after "être", or a verb) and the verbs it moves one to."""

    adjective: Adjective | None
    state: Verb
    verbs: tuple[Verb, ...]


def _causes(table: str) -> tuple[Cause, ...]:
    """Read "be tired = être fatigué : sleep = dormir; rest = se reposer" lines."""
    feelings = {f"être {feeling.masculine}": feeling for feeling in FEELINGS.items + TRAITS.items}
    found = []
    for line in table.strip().splitlines():
        state, _, actions = line.partition(" : ")
        english, french = state.split(" = ")
        verbs = tuple(verb(*action.split(" = ")) for action in actions.split("; ") if action)
        found.append(Cause(feelings.get(french), verb(english, french), verbs))
    return tuple(found)


CAUSES = Table(_causes("""
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
"""))  # fmt: skip
"""States, and what one does for them."""
TOO = Table(_causes("""
be tired = être fatigué : work = travailler; run = courir; dance = danser; cook = cuisiner
be young = être jeune : drive = conduire; work = travailler; travel = voyager; smoke = fumer
be sick = être malade : work = travailler; travel = voyager; eat = manger; swim = nager
be old = être vieux : run = courir; dance = danser; drive = conduire; play tennis = jouer au tennis
be busy = être occupé : sleep = dormir; eat = manger; travel = voyager; cook = cuisiner
be sad = être triste : eat = manger; laugh = rire; sing = chanter; dance = danser
"""))  # fmt: skip
"""States, and what one is too tired or too young for."""
HINDRANCES = Table(_causes("""
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
"""))  # fmt: skip
"""States for which something is not done."""
