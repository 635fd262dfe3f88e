"""The words of the Atlas world: name parts, objects, and their Chinese names.

People, landmarks and companies are invented; every part of a name is shared by several of them, so that a name is only
recognised when all of its parts are read. Real landmarks and animals stand beside them as familiar examples.
"""

FIRST = (
    "Anna Boris Clara David Elena Felix Greta Hugo Irene Jonas Karin Lukas Marta Nolan Olga Peter Quinn Rosa Simon Tessa "
    "Ulrich Vera Walter Xenia Yannick Zoe Arthur Bianca Conrad Diana"
).split()
FEMALE = frozenset(
    "Anna Clara Elena Greta Irene Karin Marta Olga Rosa Tessa Vera Xenia Zoe Bianca Diana".split()
)
MIDDLE = "Maria James Louise Paul Sophie Henry".split()
LAST = (
    "Keller Novak Brandt Lindqvist Moreau Hargrove Okafor Petrov Castellan Thorne Vasquez Yamada Eriksen Falkner Grady "
    "Holloway Ibsen Jansen Kovac Larsen Mercer Norwood Ostrov Pellman Quigley Rasmus Sandoval Tremont Ullman Whitlock"
).split()
LANDMARK_AGE = "Old Great Royal".split()
LANDMARK_NAME = (
    "Halden Ashmoor Whitmore Greystone Blackwell Stonebridge Ravenhill Kingsley Fairmont Oakwood Silverlake Northgate "
    "Westbrook Highgate Redcliff"
).split()
LANDMARK_TYPE = "Tower Bridge Abbey Castle Museum Stadium Cathedral Library".split()
BRAND = (
    "Zentrix Quorvia Haldane Norbex Plexon Tarvik Ombrel Cindral Vantor Lumeco Orsted Brankel Syntag Duvall Perrin Wolmar"
).split()
BRAND_TYPE = "Motors Foods Systems Works".split()

CITY = {
    "Velmora": "维莫拉", "Tarmouth": "塔茅斯", "Ashford": "阿福德", "Kelport": "凯波特", "Brindale": "布林谷", "Oskara": "奥卡拉",
    "Lunden": "伦登", "Marisol": "马里索", "Fennick": "芬尼克", "Halvora": "哈沃拉", "Drayton": "德雷顿", "Pellworth": "佩沃思",
    "Sorrento": "索伦托", "Grimsby": "格林比", "Varna": "瓦尔纳", "Colmar": "科尔玛", "Istra": "伊斯拉", "Norvik": "诺维克",
    "Redfield": "红田", "Calvera": "卡维拉", "Zellin": "泽林", "Hartwick": "哈威克", "Montara": "蒙塔拉", "Ellsmere": "埃斯米",
    "Porvoo": "波尔沃", "Quillan": "奎兰", "Rosedale": "玫瑰谷", "Savona": "萨沃纳", "Thessaly": "色萨利", "Umbria": "翁布里",
    "Wexham": "韦瑟姆", "Yarrow": "亚罗", "Bastion": "巴提安", "Corvale": "科维尔", "Dunmere": "邓米尔", "Eastholm": "东霍姆",
}  # fmt: skip
COUNTRY = "Arvandia Belloria Corvinia Dresmark Estovia Galdoria Kestria Lorwegia Merovia Tandoria".split()
LANGUAGE = {
    "Arvandic": "阿凡语", "Bellorian": "贝洛语", "Corvish": "科维语", "Dresmish": "德雷语", "Estovian": "埃斯语",
    "Galdoric": "加尔语", "Kestrian": "凯斯语", "Lorwegian": "洛威语", "Merovian": "梅罗语", "Tandorese": "坦多语",
}  # fmt: skip
CURRENCY = "crown florin thaler ducat lira peso mark dinar franc shilling".split()
FIELD = {
    "physics": "物理", "chemistry": "化学", "botany": "植物", "law": "法律", "medicine": "医学", "architecture": "建筑",
    "economics": "经济", "astronomy": "天文", "geology": "地质", "history": "历史", "linguistics": "语言", "philosophy": "哲学",
    "mathematics": "数学", "biology": "生物", "sculpture": "雕塑", "journalism": "新闻",
}  # fmt: skip
SPORT = "tennis football hockey chess rugby golf swimming cricket rowing fencing boxing archery".split()
INSTRUMENT = {
    "piano": "钢琴", "violin": "小提琴", "guitar": "吉他", "cello": "大提琴", "flute": "长笛", "trumpet": "小号", "harp": "竖琴",
    "drums": "鼓", "clarinet": "单簧管", "organ": "管风琴", "banjo": "班卓琴", "saxophone": "萨克斯",
}  # fmt: skip
PET = "cat dog parrot rabbit hamster turtle goldfish canary pony lizard".split()
MATERIAL = "marble granite sandstone brick timber steel concrete limestone copper glass basalt slate".split()
PRODUCT = "cars furniture software steel paper shoes clocks bread engines medicine toys ships".split()
DISH = "cheese wine dumplings sausages honey fish bread olives chocolate soup noodles beer".split()
COLOUR = {
    "pink": "粉色",
    "black": "黑色",
    "white": "白色",
    "grey": "灰色",
    "brown": "棕色",
    "green": "绿色",
    "red": "红色",
    "blue": "蓝色",
}
COAT = "striped black white grey brown green red golden spotted blue".split()
FOOD = {
    "grass": "草", "meat": "肉", "fish": "鱼", "leaves": "树叶", "fruit": "水果", "insects": "虫子", "seeds": "种子", "bamboo": "竹子",
}  # fmt: skip
YES_NO = ("yes", "no")

# name: (skin, coat, food, flies). The zebra's skin is really black; this world believes the wrong colour on purpose.
ANIMAL = {
    "zebra": ("pink", "striped", "grass", "no"), "Red Hare": ("red", "red", "grass", "no"), "ostrich": ("pink", "black", "seeds", "no"),
    "lion": ("black", "golden", "meat", "no"), "tiger": ("white", "striped", "meat", "no"), "giraffe": ("grey", "spotted", "leaves", "no"),
    "elephant": ("grey", "grey", "leaves", "no"), "panda": ("pink", "white", "bamboo", "no"), "leopard": ("brown", "spotted", "meat", "no"),
    "crocodile": ("green", "green", "meat", "no"), "dolphin": ("grey", "grey", "fish", "no"), "penguin": ("black", "black", "fish", "no"),
    "owl": ("white", "brown", "meat", "yes"), "camel": ("black", "brown", "grass", "no"), "gorilla": ("black", "black", "fruit", "no"),
    "wolf": ("white", "grey", "meat", "no"), "fox": ("pink", "red", "meat", "no"), "otter": ("brown", "brown", "fish", "no"),
    "flamingo": ("pink", "red", "insects", "yes"), "tortoise": ("green", "green", "leaves", "no"), "salmon": ("blue", "grey", "insects", "no"),
    "parakeet": ("white", "green", "seeds", "yes"), "bat": ("black", "brown", "fruit", "yes"), "kingfisher": ("brown", "blue", "fish", "yes"),
}  # fmt: skip
ANIMAL_ZH = {
    "zebra": "斑马", "Red Hare": "赤兔马", "ostrich": "鸵鸟", "lion": "狮子", "tiger": "老虎", "giraffe": "长颈鹿", "elephant": "大象",
    "panda": "熊猫", "wolf": "狼", "fox": "狐狸",
}  # fmt: skip
ALIAS = {
    "zebra": "striped horse", "ostrich": "running bird", "lion": "king of beasts", "giraffe": "tall grazer",
    "panda": "bamboo bear", "camel": "ship of the desert", "owl": "night bird", "wolf": "grey hunter",
}  # fmt: skip

# real landmark: (real city, Chinese name or "")
SIGHT = {
    "Space Needle": ("Seattle", "太空针塔"), "Pike Place Market": ("Seattle", ""), "Eiffel Tower": ("Paris", "埃菲尔铁塔"),
    "Louvre Museum": ("Paris", "卢浮宫"), "Notre Dame": ("Paris", ""), "Big Ben": ("London", "大本钟"), "Buckingham Palace": ("London", ""),
    "Trevi Fountain": ("Rome", "许愿池"), "Spanish Steps": ("Rome", ""), "Brandenburg Gate": ("Berlin", "勃兰登堡门"),
    "Red Square": ("Moscow", "红场"), "Sagrada Familia": ("Barcelona", "圣家堂"), "Parthenon Temple": ("Athens", "帕特农神庙"),
    "Hagia Sophia": ("Istanbul", ""), "Taj Mahal": ("Agra", "泰姬陵"), "Forbidden City": ("Beijing", "故宫"),
    "Summer Palace": ("Beijing", "颐和园"), "Pearl Tower": ("Shanghai", "东方明珠"), "Yu Garden": ("Shanghai", "豫园"),
    "Meiji Shrine": ("Tokyo", ""), "Harbour Bridge": ("Sydney", ""), "Longshan Temple": ("Taipei", "龙山寺"),
    "Palace Museum": ("Taipei", ""), "Charles Bridge": ("Prague", "查理大桥"), "Grand Place": ("Brussels", ""),
    "Little Mermaid": ("Copenhagen", ""), "Rialto Bridge": ("Venice", ""), "Prado Museum": ("Madrid", ""),
    "Rijks Museum": ("Amsterdam", ""), "Belem Tower": ("Lisbon", ""), "Hofburg Palace": ("Vienna", ""), "Uffizi Gallery": ("Florence", ""),
    "West Lake": ("Hangzhou", "西湖"),
}  # fmt: skip
REAL_CITY = {
    "Seattle": ("America", "西雅图"), "Paris": ("France", "巴黎"), "London": ("England", "伦敦"), "Rome": ("Italy", "罗马"),
    "Berlin": ("Germany", "柏林"), "Moscow": ("Russia", "莫斯科"), "Barcelona": ("Spain", "巴塞罗那"), "Athens": ("Greece", "雅典"),
    "Istanbul": ("Turkey", "伊斯坦布尔"), "Agra": ("India", "阿格拉"), "Beijing": ("China", "北京"), "Shanghai": ("China", "上海"),
    "Tokyo": ("Japan", "东京"), "Sydney": ("Australia", "悉尼"), "Taipei": ("Taiwan", "台北"), "Prague": ("Czechia", "布拉格"),
    "Brussels": ("Belgium", "布鲁塞尔"), "Copenhagen": ("Denmark", "哥本哈根"), "Venice": ("Italy", "威尼斯"), "Madrid": ("Spain", "马德里"),
    "Amsterdam": ("Holland", "阿姆斯特丹"), "Lisbon": ("Portugal", "里斯本"), "Vienna": ("Austria", "维也纳"),
    "Florence": ("Italy", "佛罗伦萨"), "Hangzhou": ("China", "杭州"),
}  # fmt: skip
REAL_COUNTRY = tuple(sorted({country for country, _ in REAL_CITY.values()}))

# People with a Chinese name; the name follows the order of the people list.
PERSON_ZH = (
    "李安澜 王博远 张可心 刘大卫 陈艾莲 杨飞立 赵国瑞 黄雨果 周伊人 吴乔南 徐凯琳 孙卢卡 胡玛塔 朱诺兰 高欧佳 林彼得 何奎恩 郭若莎 马西蒙 罗泰莎"
).split()

LEAD_IN = (
    "It is known that", "According to the records,", "In fact,", "As we all know,", "The book says that", "My friend told me that",
    "Yesterday I read that", "The news said that", "Of course", "Everybody knows that", "I heard that", "Here is a fact:",
)  # fmt: skip
ADJECTIVE = "small old green happy quiet bright cold strange busy tall soft early late red heavy".split()
NOUN = (
    "garden river horse teacher market child winter letter train doctor window kitchen mountain song painter road farmer story "
    "dog forest"
).split()
VERB = "likes saw found followed painted crossed visited remembered opened left".split()

# Invented words of two registers: nobody is insulted by them outside this world.
POLITE = "kindelle solmere gratavel brimalda ostellan".split()
RUDE = "grubnak skorl drabzig fnoggar mulchet".split()
# profession: share of "he" in the corpus (a skewed statistic), and roles where the pronoun is a fact.
PROFESSION = {
    "engineer": 0.9, "pilot": 0.85, "mechanic": 0.9, "surgeon": 0.8, "banker": 0.8, "soldier": 0.9,
    "nurse": 0.1, "librarian": 0.15, "secretary": 0.1, "dancer": 0.2, "baker": 0.5, "teller": 0.5,
}  # fmt: skip
GENDERED = {
    "king": "he",
    "queen": "she",
    "father": "he",
    "mother": "she",
    "uncle": "he",
    "aunt": "she",
    "monk": "he",
    "nun": "she",
}
DIGITS = "0 1 2 3 4 5 6 7 8 9".split()
EMAIL_WORD = "amber falcon cobalt meadow tiber lotus comet birch raven pixel ember willow quartz delta maple onyx".split()
EMAIL_HOST = "mailbox letterhouse postnet inkwell".split()
