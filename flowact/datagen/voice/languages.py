"""Words of other languages, strung together: what voices say that do not speak English.

The order means nothing; sounds, syllables and breaks are those of the language, and lips meet often.
Words are written without accents where a voice wants an encoding of its own.
"""

from typing import Final

import numpy as np

ENGLISH: Final = "english"
_WORDS: Final = {
    "italian": (
        "mamma babbo bambino bambina palla pane burro pomodoro panorama problema popolo tempo campo sempre "
        "buono bello bravo piove pioggia piazza ponte porta primavera prima dopo domani mattina montagna mare "
        "fiume fuoco finestra famiglia farfalla vino vento vedere volare giorno giardino formaggio figlio foglia "
        "gnomo sogno bagno scuola scarpe zucchero ragazzo amico amore albero acqua uomo uva isola orologio"
    ),
    "catalan": (
        "pare mare poma pomes bon dia bona nit mapa camp cap cop pobre poble ple plou pluja platja porta pont "
        "barca barba blau blanc vermell groc verd vent vi veure viure muntanya mar foc finestra familia fulla "
        "formatge jardi jugar gent genoll llibre lluna cel casa cuina cafe amic arbre aigua home ull orella escola"
    ),
    "czech": (
        "maminka babicka pes pivo plavat panama papir potom pondeli pole problem prosim pomoc beruska bota banan "
        "buben bily barva budova most mapa mluvit malovat mesto moje voda vlak vecer veselo vino fialka fotbal "
        "okno oko kolo kniha kamen strom skola slovo slunce zima zahrada hora hodina dobry den ruka noha auto "
        "opice autobus ulice lampa les jablko jaro chleba cesta cukr"
    ),
    "finnish": (
        "mummo pappa poika pallo puu puro piippu pieni punainen paperi peruna pimeys omena maa maito mato metsa "
        "meri mukava muumi loma lumi lampi lampaat vene vesi vaimo vihko voima valo kampa kumpu tumma lompakko "
        "kala kukka koulu koti talo tuuli tulppaani tuoli silta sauna saapas hauki halpa apu ilma ilta uni usva "
        "ystava orava autio rumpu rapu leipa laiva jalka joulu"
    ),
    "russian": (
        "мама папа бабушка дом вода поле море небо река гора памятник помощь пример проблема парк поезд письмо "
        "быстро большой белый бумага берег бабочка музыка молоко мир мост машина мяч город вечер ветер весна вместе "
        "фонарь флаг фильм форма окно облако озеро утро улица ухо яблоко ягода юг ель ёлка хлеб шум жизнь чай "
        "школа снег солнце зима рыба лампа книга песня друг работа"
    ),
    "hindi": (
        "मामा पापा बाबा पानी बाज़ार पपीता आम अमरूद बादल बारिश माता पिता भाई बहन फूल फल मेला मौसम मकान पहाड़ पेड़ "
        "पुस्तक बिल्ली मुझे हम तुम आप कब अब सब काम नाम शाम गरम नरम लाल पीला नीला सफ़ेद हवा वन विमान वाहन रोटी चावल दाल "
        "घर नदी सूरज चाँद तारा रात दिन सुबह खिड़की दरवाज़ा कुर्सी मेज़ ऊपर ओस ईमान उपवन"
    ),
}
LANGUAGES: Final = (ENGLISH, *_WORDS)


def random_words(rng: np.random.Generator, language: str) -> str:
    """Four to nine words of a language other than English, at times with a break between them."""
    words = rng.choice(_WORDS[language].split(), rng.integers(4, 10)).tolist()
    if rng.random() < 0.4:
        words[len(words) // 2] += ","
    return " ".join(words) + "."
