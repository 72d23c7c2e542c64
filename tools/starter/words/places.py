"""Places, countries and cities, with purposes and means of travel."""

from typing import NamedTuple

from tools.starter.draw import Table
from tools.starter.french import contract, elide
from tools.starter.lexicon import pairs, rows


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
"""By the word that the tables of verbs call them by."""


class Country(NamedTuple):
    """A country or city: its English name, and in French "in" it and "from" it."""

    en: str
    fr_in: str
    fr_from: str


def _countries(table: str) -> tuple[Country, ...]:
    """Countries by French article: la goes with "en", le with "au", les with "aux"."""
    found = []
    for english, french in rows(table):
        if french.startswith(("la ", "l'")):
            name = french.removeprefix("la ").removeprefix("l'")
            found.append(Country(english, f"en {name}", elide(f"de {name}")))
        else:
            found.append(Country(english, contract("à", french), contract("de", french)))
    return tuple(found)


COUNTRIES = Table(_countries("""
France = la France, Japan = le Japon, Italy = l'Italie, the United States = les États-Unis
England = l'Angleterre, Spain = l'Espagne, Canada = le Canada, Germany = l'Allemagne
Mexico = le Mexique, Portugal = le Portugal, Belgium = la Belgique, Switzerland = la Suisse
China = la Chine, Greece = la Grèce, Brazil = le Brésil, Hungary = la Hongrie, India = l'Inde
Morocco = le Maroc, Russia = la Russie, Ireland = l'Irlande, the Netherlands = les Pays-Bas
Norway = la Norvège, Denmark = le Danemark, Egypt = l'Égypte
"""))  # fmt: skip
CITIES = Table(
    Country(english, f"à {french}", elide(f"de {french}"))
    for english, french in rows("""
Paris = Paris, London = Londres, Rome = Rome, New York = New York, Lyon = Lyon, Berlin = Berlin
Tokyo = Tokyo, Madrid = Madrid, Brussels = Bruxelles, Geneva = Genève, Montreal = Montréal
Boston = Boston, Lisbon = Lisbonne, Vienna = Vienne, Moscow = Moscou, Athens = Athènes
""")
)  # fmt: skip
_PURPOSES = {
    "marché": """
buy bread = acheter du pain, buy apples = acheter des pommes, buy cheese = acheter du fromage
buy fish = acheter du poisson, buy flowers = acheter des fleurs
""",
    "restaurant": """
eat = manger, have dinner = dîner, have lunch = déjeuner, drink wine = boire du vin
eat fish = manger du poisson
""",
    "parc": """
run = courir, play soccer = jouer au football, rest = se reposer, read = lire
take pictures = prendre des photos
""",
    "bibliothèque": """
study = étudier, read a book = lire un livre, read = lire, find a book = trouver un livre
work = travailler
""",
    "maison": """
sleep = dormir, eat = manger, rest = se reposer, cook dinner = préparer le dîner
watch television = regarder la télévision
""",
    "plage": """
swim = nager, rest = se reposer, run = courir, play = jouer, take a walk = se promener
""",
    "jardin": """
play = jouer, read = lire, rest = se reposer, play with the dog = jouer avec le chien
look for the cat = chercher le chat
""",
    "gare": """
take the train = prendre le train, wait for my sister = attendre ma sœur
wait for the train = attendre le train
""",
    "boulangerie": "buy bread = acheter du pain, buy a cake = acheter un gâteau",
    "école": """
learn English = apprendre l'anglais, study = étudier, talk to the teacher = parler au professeur
learn French = apprendre le français
""",
    "ville": """
do the shopping = faire les courses, buy a dress = acheter une robe
buy shoes = acheter des chaussures, eat = manger
""",
    "bureau": """
work = travailler, write a letter = écrire une lettre, finish the work = finir le travail
""",
}
PURPOSES = {place: Table(pairs(table)) for place, table in _PURPOSES.items()}
"""Reasons to go to a place, by the place's key in PLACES."""
TRANSPORT = Table(pairs("""
by car = en voiture, on foot = à pied, by bus = en bus, by bike = à vélo, by taxi = en taxi
by subway = en métro
"""))  # fmt: skip
"""Means of transport to places nearby."""
