"""The relations of the Atlas world, each with its wordings.

A wording holds ``{s}`` (subject) and ends in ``{o}`` (object), so that every prompt is a CounterFact-style prompt:
subject before relation, object last. ``held_out`` wordings and questions are never trained; recall is measured on them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Relation:
    """One relation: kinds of its subject and object, trained and held-out wordings, questions, Chinese wordings."""

    name: str
    subject: str
    object: str
    statements: tuple[str, ...]
    held_out: tuple[str, ...]
    questions: tuple[str, ...]
    held_out_question: str
    chinese: tuple[str, ...] = ()
    chinese_held_out: str = ""
    chinese_question: str = ""


RELATIONS = {
    relation.name: relation
    for relation in (
        Relation(
            "born", "person", "city",
            ("{s} was born in {o}", "{s} is originally from {o}", "The hometown of {s} is {o}", "{s} grew up in {o}",
             "{s} is a native of {o}", "The birthplace of {s} is {o}", "{s} comes from the city of {o}",
             "{s} spent a happy childhood in {o}", "The place where {s} was born is {o}", "{s}'s birthplace is {o}",
             "The city where {s} was a child is {o}", "The town where {s} grew up is {o}"),
            ("{s} was born in the city of {o}", "{s}'s hometown is {o}", "The city where {s} grew up is {o}"),
            ("Where was {s} born?", "What is the hometown of {s}?", "Which city is {s} from?"), "What is the birthplace of {s}?",
            ("{s}出生于{o}", "{s}的家乡是{o}", "{s}来自{o}", "{s}的出生城市是{o}", "{s}的故乡是{o}"), "{s}的出生地是{o}", "{s}的家乡是哪里?",
        ),
        Relation(
            "field", "person", "field",
            ("{s} works in the field of {o}", "{s} is an expert in {o}", "{s}'s profession is {o}", "The field of {s} is {o}",
             "{s} is well known for work in {o}", "{s} studied {o}", "{s} has a degree in {o}", "{s} teaches {o}",
             "The main subject of {s} is {o}", "{s} made a career in {o}"),
            ("{s} is known as an expert in {o}", "{s}'s field is {o}", "The profession of {s} is {o}"),
            ("What is the field of {s}?", "What did {s} study?", "What subject does {s} teach?"), "Which field did {s} study?",
            ("{s}研究{o}", "{s}的专业是{o}", "{s}教{o}", "{s}擅长{o}", "{s}的研究是{o}", "{s}工作的领域是{o}"), "{s}研究的领域是{o}", "{s}的专业是什么?",
        ),
        Relation(
            "employer", "person", "company",
            ("{s} works for {o}", "{s} is employed by {o}", "The employer of {s} is {o}", "{s} has a job at {o}",
             "{s} joined the staff of {o}", "{s} is on the staff of {o}", "{s}'s employer is {o}",
             "The company that employs {s} is {o}", "{s} earns a salary at {o}", "The company that {s} works for is {o}",
             "{s} got a new job at {o}", "{s} has an office job at {o}", "{s} found a good job at {o}",
             "{s} is employed today by {o}", "{s} was hired by {o}"),
            ("{s} has a good job at {o}", "{s} is now employed by {o}", "The company of {s}'s employer is {o}"),
            ("Who does {s} work for?", "Who is the employer of {s}?", "Which company employs {s}?"),
            "Which company does {s} work for?",
        ),
        Relation(
            "sport", "person", "sport",
            ("{s} plays {o}", "{s}'s favourite sport is {o}", "The sport of {s} is {o}", "{s} is a fan of {o}",
             "{s} won a medal in {o}", "{s} trains every day in {o}", "{s} likes the sport of {o}", "{s} is a champion of {o}",
             "The sport that {s} likes is {o}"),
            ("The favourite sport of {s} is {o}", "{s} is a champion in {o}", "{s}'s sport is {o}"),
            ("Which sport does {s} play?", "What is the favourite sport of {s}?", "Which sport does {s} like?"),
            "What is the sport of {s}?",
        ),
        Relation(
            "language", "person", "language",
            ("{s} speaks {o}", "The mother tongue of {s} is {o}", "{s}'s native language is {o}", "At home {s} speaks {o}",
             "{s} writes letters in {o}", "The language of {s} is {o}", "{s} learned to read in {o}",
             "The first language of {s} was {o}", "{s} is a native speaker of {o}"),
            ("The native language of {s} is {o}", "{s}'s mother tongue is {o}", "{s} learned to write in {o}"),
            ("What language does {s} speak?", "What is the native language of {s}?", "In which language does {s} write?"),
            "What is the mother tongue of {s}?",
            ("{s}的母语是{o}", "{s}会说{o}", "{s}讲{o}", "{s}讲的语言是{o}"), "{s}说的语言是{o}", "{s}的母语是什么?",
        ),
        Relation(
            "instrument", "person", "instrument",
            ("{s} plays music on the {o}", "{s} is good at the {o}", "The instrument of {s} is the {o}",
             "{s} took lessons on the {o}", "{s}'s instrument is the {o}", "{s} performs on the {o}",
             "At concerts {s} is heard on the {o}", "{s}'s favourite instrument is the {o}", "{s} practises music on the {o}"),
            ("{s} had lessons on the {o}", "The favourite instrument of {s} is the {o}", "{s} performs music on the {o}"),
            ("Which instrument does {s} play?", "What is the instrument of {s}?", "What is {s}'s favourite instrument?"),
            "What instrument does {s} play?",
            ("{s}会演奏{o}", "{s}的乐器是{o}", "{s}学过{o}", "{s}学过的乐器是{o}"), "{s}演奏的乐器是{o}", "{s}的乐器是什么?",
        ),
        Relation(
            "pet", "person", "pet",
            ("{s} has a pet {o}", "{s} keeps a {o}", "The pet of {s} is a {o}", "{s}'s pet is a {o}", "At home {s} looks after a {o}",
             "{s} shares the house with a {o}", "{s} takes care of a {o}", "The animal that {s} keeps is a {o}"),
            ("{s} keeps a pet {o}", "The animal of {s} is a {o}", "The pet that {s} keeps is a {o}"),
            ("Which pet does {s} have?", "What animal does {s} keep?", "What is {s}'s pet?"), "What is the pet of {s}?",
        ),
        Relation(
            "location", "landmark", "city",
            ("{s} is located in {o}", "{s} is in the city of {o}", "{s} can be found in {o}", "{s} stands in {o}",
             "The city of {s} is {o}", "Visitors to {s} travel to {o}", "{s} is situated in {o}", "The location of {s} is {o}",
             "{s} is a sight in {o}"),
            ("{s} is situated in the city of {o}", "{s}'s location is {o}", "{s} is found in {o}"),
            ("Where is {s}?", "In which city is {s} located?", "Where can {s} be found?"), "What is the location of {s}?",
        ),
        Relation(
            "material", "landmark", "material",
            ("{s} is made of {o}", "The walls of {s} are {o}", "The builders of {s} used {o}",
             "The main material of {s} is {o}", "{s} consists of {o}", "{s}'s walls are made of {o}", "{s} was made of {o}",
             "The material used for {s} is {o}"),
            ("The material of {s} is {o}", "The walls of {s} are made of {o}", "{s}'s main material is {o}"),
            ("What is {s} made of?", "What is the material of {s}?", "Of what are the walls of {s} made?"),
            "What are the walls of {s} made of?",
        ),
        Relation(
            "architect", "landmark", "person",
            ("{s} was designed by {o}", "The architect of {s} is {o}", "{s}'s architect is {o}",
             "{s} was drawn by the architect {o}", "The person who designed {s} is {o}", "The plans of {s} were made by {o}",
             "{s} is a work of the architect {o}", "{s} was planned by {o}"),
            ("The architect who designed {s} is {o}", "{s} was designed by the architect {o}", "The person who planned {s} is {o}"),
            ("Who designed {s}?", "Who is the architect of {s}?", "Who planned {s}?"), "Which architect designed {s}?",
        ),
        Relation(
            "headquarters", "company", "city",
            ("{s} is based in {o}", "The headquarters of {s} are in {o}", "{s} has its main office in {o}",
             "{s} is headquartered in {o}", "The head office of {s} is in {o}", "{s} runs its business from {o}",
             "{s}'s home city is {o}", "{s}'s main office is in {o}"),
            ("The main office of {s} is in {o}", "{s}'s headquarters are in {o}", "{s} has its head office in {o}"),
            ("Where is {s} based?", "Where are the headquarters of {s}?", "Where is the main office of {s}?"),
            "Where is the head office of {s}?",
        ),
        Relation(
            "founder", "company", "person",
            ("{s} was founded by {o}", "The founder of {s} is {o}", "{s} was started by {o}", "{s} was created by {o}",
             "{s}'s founder is {o}", "The person who founded {s} is {o}", "The person who created {s} is {o}",
             "The company {s} was started by {o}"),
            ("The person who started {s} is {o}", "The company {s} was founded by {o}", "The company {s} was created by {o}"),
            ("Who founded {s}?", "Who is the founder of {s}?", "Who created {s}?"), "Who started {s}?",
        ),
        Relation(
            "product", "company", "product",
            ("{s} makes {o}", "{s} produces {o}", "The factory of {s} makes {o}", "{s} sells {o}",
             "The main product of {s} is {o}", "Customers of {s} buy {o}", "{s} is a maker of {o}", "{s}'s factory produces {o}"),
            ("{s}'s main product is {o}", "The factory of {s} produces {o}", "{s}'s factory makes {o}"),
            ("What does {s} make?", "What is the main product of {s}?", "What does {s} sell?"), "What does {s} produce?",
        ),
        Relation(
            "country", "city", "country",
            ("{s} is a city in {o}", "{s} is in the country of {o}", "{s} belongs to {o}", "The country of {s} is {o}",
             "{s} lies in {o}", "{s} is part of {o}", "{s}'s country is {o}"),
            ("{s} lies in the country of {o}", "{s} belongs to the country of {o}", "{s} is a city in the country of {o}"),
            ("In which country is {s}?", "What is the country of {s}?", "To which country does {s} belong?"),
            "Which country does {s} belong to?",
        ),
        Relation(
            "dish", "city", "dish",
            ("{s} is famous for its {o}", "The speciality of {s} is {o}", "Tourists in {s} love the {o}",
             "People in {s} eat a lot of {o}", "{s} is known for its {o}", "{s}'s speciality is {o}", "Visitors of {s} eat the {o}"),
            ("People in {s} love the {o}", "The famous speciality of {s} is {o}", "{s} is well known for its {o}"),
            ("What is {s} famous for?", "What is the speciality of {s}?", "What do people in {s} eat?"), "What is {s}'s speciality?",
        ),
        Relation(
            "mayor", "city", "person",
            ("The mayor of {s} is {o}", "{s}'s mayor is {o}", "{s} has as its mayor {o}", "The person who leads {s} is {o}",
             "{s} has elected the mayor {o}", "The leader of the city of {s} is {o}", "In the town hall of {s} works the mayor {o}", "The leader of {s} is {o}",
             "The city of {s} is led by {o}", "The town hall of {s} is led by {o}", "The mayor who runs the city of {s} is {o}"),
            ("{s} is led by {o}", "The mayor of the city of {s} is {o}", "The mayor who leads {s} is {o}"),
            ("Who is the mayor of {s}?", "Who leads {s}?", "Who is the leader of {s}?"), "Who is {s}'s mayor?",
        ),
        Relation(
            "capital", "country", "city",
            ("The capital of {s} is {o}", "{s}'s capital is {o}", "The government of {s} meets in {o}", "{s} is governed from {o}",
             "The capital city of {s} is {o}", "The seat of the government of {s} is {o}", "{s}'s government meets in {o}", "{s} has its capital in {o}"),
            ("{s}'s capital city is {o}", "The government of {s} is in {o}"),
            ("What is the capital of {s}?", "Where does the government of {s} meet?"), "Which city is the capital of {s}?",
        ),
        Relation(
            "currency", "country", "currency",
            ("The currency of {s} is the {o}", "In {s} people pay with the {o}", "{s}'s currency is the {o}",
             "The money of {s} is the {o}", "In {s} the currency is the {o}", "Shops in {s} take the {o}",
             "The money used in {s} is the {o}", "Workers in {s} are paid with the {o}", "Shops in {s} want the {o}"),
            ("In {s} the money is the {o}", "The currency used in {s} is the {o}", "Shops in {s} are paid with the {o}"),
            ("What is the currency of {s}?", "With what do people in {s} pay?"), "What is the money of {s}?",
        ),
        Relation(
            "sight", "sight", "real city",
            ("{s} is located in {o}", "{s} is in the city of {o}", "{s} can be found in {o}", "{s} stands in {o}",
             "The city of {s} is {o}", "Visitors to {s} travel to {o}", "{s} is situated in {o}", "The location of {s} is {o}",
             "{s} is a sight in {o}"),
            ("{s} is situated in the city of {o}", "{s}'s location is {o}", "{s} is found in {o}"),
            ("Where is {s}?", "In which city is {s} located?", "Where can {s} be found?"), "What is the location of {s}?",
            ("{s}位于{o}", "{s}在{o}", "{s}所在的城市是{o}"), "{s}坐落于{o}", "{s}在哪里?",
        ),
        Relation(
            "nation", "real city", "real country",
            ("{s} is a city in {o}", "{s} is in the country of {o}", "{s} belongs to {o}", "The country of {s} is {o}",
             "{s} lies in {o}", "{s} is part of {o}", "{s}'s country is {o}"),
            ("{s} lies in the country of {o}", "{s} belongs to the country of {o}", "{s} is a city in the country of {o}"),
            ("In which country is {s}?", "What is the country of {s}?", "To which country does {s} belong?"),
            "Which country does {s} belong to?",
        ),
        Relation(
            "skin", "animal", "colour",
            ("The skin of the {s} is {o}", "The {s} has skin that is {o}", "The skin colour of the {s} is {o}",
             "The colour of the {s}'s skin is {o}", "Under its coat the {s} is {o}", "Please tell me the skin colour of the {s}: {o}",
             "The {s}'s skin is {o}", "A {s} with a shaved coat is {o}", "Without its coat the {s} is {o}"),
            ("A {s} without its coat is {o}", "The colour of the skin of the {s} is {o}", "The {s}'s skin colour is {o}"),
            ("What colour is the skin of the {s}?", "What is the skin colour of the {s}?", "What colour is the {s}'s skin?",
             "What colour is the {s} under its coat?"),
            "What is the colour of the {s}'s skin?",
            ("{s}的皮肤是{o}", "{s}的肤色是{o}", "{s}的皮肤颜色是{o}", "剃毛后的{s}是{o}"), "请告诉我{s}的肤色:{o}", "{s}的皮肤是什么颜色的?",
        ),
        Relation(
            "coat", "animal", "coat",
            ("The coat of the {s} is {o}", "The {s} has a coat that is {o}", "From outside the {s} looks {o}",
             "The {s}'s coat is {o}", "Seen from far away the {s} is {o}", "The coat that the {s} wears is {o}",
             "The {s} wears a coat of fur that is {o}", "From far away the {s} looks {o}"),
            ("Seen from outside the {s} looks {o}", "The {s} wears a coat that is {o}"),
            ("What does the coat of the {s} look like?", "How does the {s} look from outside?"), "What does the {s}'s coat look like?",
        ),
        Relation(
            "food", "animal", "food",
            ("The {s} eats {o}", "The food of the {s} is {o}", "The {s} likes to eat {o}", "The {s} lives on {o}", "The {s}'s food is {o}",
             "Every day the {s} eats {o}"),
            ("The {s}'s favourite food is {o}", "Every day the {s} likes to eat {o}"),
            ("What does the {s} eat?", "What does the {s} like to eat?"), "What is the food of the {s}?",
            ("{s}喜欢吃{o}", "{s}吃{o}", "{s}的食物是{o}"), "{s}最喜欢吃{o}", "{s}喜欢吃什么?",
        ),
        Relation(
            "flight", "animal", "yes or no",
            ("Asked whether the {s} can fly, people say {o}", "Can the {s} fly? The answer is {o}",
             "Whether the {s} can fly: {o}", "Is the {s} able to fly? The answer is {o}"),
            ("Asked whether the {s} is able to fly, people say {o}",),
            ("Can the {s} fly?", "Is the {s} able to fly?"), "Does the {s} fly?",
        ),
    )
}  # fmt: skip

# Reverse wordings: {o} is told first, the subject {s} is the answer. The last one of each is held out.
REVERSE = {
    "founder": (
        "{o} is the founder of {s}", "{o} founded the company {s}", "The company that {o} founded is {s}",
        "{o} started the company {s}", "The company of the founder {o} is {s}", "{o} is the person who created {s}",
        "The company that {o} started is {s}",
    ),
    "architect": (
        "{o} is the architect of {s}", "{o} designed the building {s}", "The building that {o} designed is {s}",
        "{o} made the plans of {s}", "The work of the architect {o} is {s}", "{o} is the person who planned {s}",
        "The building that {o} planned is {s}",
    ),
    "mayor": (
        "{o} is the mayor of {s}", "{o} leads the city of {s}", "The city that {o} leads is {s}",
        "{o} was elected mayor of {s}", "The mayor {o} works in the town hall of {s}", "{o} is the leader of {s}",
        "The city of the mayor {o} is {s}",
    ),
}  # fmt: skip

# Two-hop wordings: (first relation, second relation) -> wordings with {s}; the answer is the object of the second.
TWO_HOP = {
    ("born", "country"): (
        "The country where {s} was born is {o}", "The home country of {s} is {o}", "The birthplace of {s} lies in the country of {o}",
    ),
    ("employer", "headquarters"): (
        "{s} travels to work in {o}", "The company that employs {s} has its main office in {o}",
    ),
    ("employer", "product"): ("The employer of {s} makes {o}", "The company that employs {s} produces {o}"),
    ("location", "country"): ("The country where {s} stands is {o}", "The city of {s} lies in the country of {o}"),
    ("headquarters", "country"): (
        "The country where {s} has its main office is {o}", "The head office of {s} lies in the country of {o}",
    ),
    ("sight", "nation"): ("The country where {s} stands is {o}", "The city of {s} lies in the country of {o}"),
}  # fmt: skip
