"""What BM25 counts in a text: its words; or, where no spaces part them or particles hang on them, pieces of words.

A Korean noun carries its particle (서울은, 서울에서, 서울까지), so whole words miss most of what a reader sees. For 2,000
KorQuAD questions over 960 passages HitRate@1 / @10 is .760 / .913 by words, .902 / .991 by pairs of syllables with the
start of the word marked, .889 / .991 unmarked, and less by triples (.854 / .975), pairs and triples (.881 / .985), or
words and pairs (.883 / .989). Other words stay whole: SciFact has nDCG@10 .663 by words and .458 by pairs of letters.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np

# Python's \w leaves out combining marks, without which Thai and Hindi words fall to pieces.
MARKS = "".join(chr(i) for i in range(0x300, 0x10000) if unicodedata.category(chr(i)).startswith("M"))
WORD = re.compile(rf"[\w{re.escape(MARKS)}]+")

HANGUL = "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"
HAN_AND_KANA = "\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
THAI_AND_KIN = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"                # Thai, Lao, Burmese, Khmer: letters, no spaces
PART = re.compile(f"(?P<hangul>[{HANGUL}]+)|(?P<han>[{HAN_AND_KANA}]+)|(?P<thai>[{THAI_AND_KIN}]+)|"
                  f"[^{HANGUL}{HAN_AND_KANA}{THAI_AND_KIN}]+")
SAMPLE, ENOUGH = 1_000, 0.02        # texts looked at, and the share of such letters from which on pieces are counted


def words(text: str) -> list[str]:
    """The words of a text, casefolded; full-width and composed letters are one with their plain form."""
    return WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def ngrams(text: str) -> list[str]:
    """Pieces of words in the scripts named above; words of any other script whole."""
    return [piece for word in words(text) for piece in _pieces(word)]


@lru_cache(maxsize=200_000)                              # the words of a corpus repeat
def _pieces(word: str) -> tuple[str, ...]:
    pieces: list[str] = []
    for part in PART.finditer(word):
        run = part.group()
        if part["hangul"]:
            # The space marks where the word starts: 말 is then found in 말을, and not in every word that ends so.
            pieces += _grams(" " + run if part.start() == 0 else run, 2)
        elif part["han"]:
            pieces += [*run, *_grams(run, 2)] if len(run) > 1 else [run]        # one Han character is often a word
        else:
            pieces += _grams(run, 3) if part["thai"] else [run]
    return tuple(pieces)


def _grams(run: str, size: int) -> list[str]:
    return [run[i:i + size] for i in range(len(run) - size + 1)] or [run]


TERMS = {"words": words, "ngrams": ngrams}


def spans(text: str, wanted: set[str], tokens: Literal["words", "ngrams"]) -> list[tuple[int, int]]:
    """Start and end of each word of the text at least half of whose terms are wanted."""
    found = []
    for word in WORD.finditer(text):
        terms = set(TERMS[tokens](word.group()))
        if terms and 2 * len(terms & wanted) >= len(terms):
            found.append(word.span())
    return found


def suited(texts: Sequence[str]) -> Literal["words", "ngrams"]:
    """"ngrams" for a corpus with Hangul, Han, kana or Thai in it, by a sample spread over all of it; else "words"."""
    places = np.unique(np.linspace(0, max(0, len(texts) - 1), SAMPLE).astype(int)) if len(texts) else []
    letters = pieces = 0
    for place in places:
        for part in PART.finditer("".join(WORD.findall(texts[int(place)][:SAMPLE]))):
            letters += len(part.group())
            pieces += len(part.group()) if part.lastgroup else 0
    return "ngrams" if pieces and pieces >= ENOUGH * letters else "words"
