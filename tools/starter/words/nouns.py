"""The nouns, by theme."""

from tools.starter.draw import Table
from tools.starter.lexicon import Noun, nouns

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
NOUNS: dict[str, Table[Noun]] = {
    theme: Table(nouns(theme, table)) for theme, table in _NOUN_TABLES.items()
}
"""By theme, commonest first; a noun may be of several themes."""
