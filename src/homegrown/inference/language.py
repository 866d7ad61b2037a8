"""Which language a text is in, by its script and its most frequent words; for texts of a few words and more."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

# The most frequent words of each language, without those that several share.
_WORDS = {
    "English": "the and you that was for are with his they this have from what were when your said there use can which"
    " their will would these has more do my is it not i of to in how been who did get could where why does please",
    "German": "der die und das ist nicht ich sie ein eine mit auf für sich den dem auch wie aber noch nach bei wird"
    " zu von wir habe kann meine mein wurde sind warum bitte haben oder wenn",
    "French": "le les des est pas vous une dans pour qui sur avec nous plus ce mais elle sont je ne mon ma cette été"
    " pourquoi avez votre être fait comment du au suis ai",
    "Spanish": "el los las que por una para con del como pero más está muy hay esta sin sobre mi yo cuando puedo mis"
    " tengo ser fue porque este qué cómo todo ha",
    "Portuguese": "os não uma para com dos mas foi ele mais são tem seu sua ou quando muito nos já está eu também pelo"
    " pela até isso minha meu você ao",
    "Italian": "il che di non una sono per con del della ho mi più anche come ma questo gli nel alla perché mio è"
    " stato essere ha posso lo quando cosa",
    "Dutch": "het een van ik en niet dat je op te zijn voor met die er maar om hij ze mijn wat naar bij ook aan nog"
    " kan heb waarom hoe wordt deze",
    "Polish": "nie to się na jest że do jak ale za mnie czy po dla mam co moja mój przez być może już od ten jestem",
    "Swedish": "och att det som en på är av för den till inte med har jag om ett var kan min hur vad men",
    "Danish": "og at det som en på er af for den til ikke med har jeg om et var kan min hvordan hvad men",
    "Turkish": "bir ve bu için ne ile ben çok var daha mi ama gibi olarak değil nasıl neden kadar benim olan",
    "Indonesian": "yang dan di ini itu dengan untuk tidak dari saya ke ada akan pada juga bisa apa adalah anda",
}
_LANGUAGES: dict[str, list[str]] = {}
for _language, _list in _WORDS.items():
    for _word in set(_list.split()):
        _LANGUAGES.setdefault(_word, []).append(_language)
_SCRIPTS = {
    "CYRILLIC": "Cyrillic script", "GREEK": "Greek", "ARABIC": "Arabic script", "HEBREW": "Hebrew",
    "DEVANAGARI": "Devanagari script", "BENGALI": "Bengali", "TAMIL": "Tamil", "THAI": "Thai", "HANGUL": "Korean",
    "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "CJK": "Chinese", "GEORGIAN": "Georgian", "ARMENIAN": "Armenian",
}  # fmt: skip
_READ = 2000
_FEWEST_LETTERS, _FEWEST_WORDS = 4, 3


def language_of(text: str) -> tuple[str, float]:
    """The name of the language and how sure that is, 0 to 1; an empty name where it cannot be told.

    Example:
        >>> language_of("Wo ist meine Karte und warum ist sie nicht da?")[0], language_of("ok")[0]
        ('German', '')
    """
    body = text[:_READ]
    script, share = _script(body)
    if script != "LATIN":
        return (_SCRIPTS[script], share) if script in _SCRIPTS and share > 0.6 else ("", 0.0)
    words = re.findall(r"[^\W\d_]+", body.lower())
    votes: Counter[str] = Counter()
    for word in words:
        for language in _LANGUAGES.get(word, ()):
            votes[language] += 1
    if not votes:
        return "", 0.0
    (first, n), *others = votes.most_common(2)
    second = others[0][1] if others else 0
    if n < _FEWEST_WORDS or n < 1.5 * second or n < 0.15 * len(words):
        return "", 0.0
    return first, min(0.95, 0.5 + 0.5 * (n - second) / n)


def _script(text: str) -> tuple[str, float]:
    """The script of most letters, by the first word of their names, and its share."""
    if text.isascii():
        return "LATIN", 1.0
    counts = Counter(unicodedata.name(c, "").split(" ", 1)[0].split("-")[0] for c in text if c.isalpha())
    if counts.total() < _FEWEST_LETTERS:
        return "", 0.0
    if counts["HIRAGANA"] + counts["KATAKANA"] > 0.1 * counts.total():
        return "HIRAGANA", 1.0
    script, n = counts.most_common(1)[0]
    return script, n / counts.total()
