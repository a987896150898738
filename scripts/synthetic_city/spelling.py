"""Other spellings of a cell, harmless and harmful, as real exports carry them."""

from datetime import date

import numpy as np

from scripts.synthetic_city.people import CHECK_CHARACTERS

WIDE = str.maketrans("0123456789X.,", "０１２３４５６７８９Ｘ．，")


def wide_digits(text: str, generator: np.random.Generator) -> str:
    """Full-width digits."""
    return text.translate(WIDE)


def loose_id(text: str, generator: np.random.Generator) -> str:
    """A number with lower-case x, spaces around it, or full-width digits: the same number once normalised."""
    return [text.lower() + " ", text.translate(WIDE), f"\t{text.lower()}"][generator.integers(0, 3)]


def old_id(text: str, generator: np.random.Generator) -> str:
    """The 15-digit form of a number of someone born before 2000."""
    return text[:6] + text[8:17]


def scientific_id(text: str, generator: np.random.Generator) -> str:
    """A number a spreadsheet has rounded: in powers of ten, or with its last three digits gone."""
    if generator.random() < 0.5:
        return f"{float(text[:17]) * 10:.5E}"
    zeros = text[:15] + "000"
    return zeros if text[17] != "0" or text[15:17] != "00" else f"{float(text[:17]) * 10:.5E}"


def wrong_id(text: str, generator: np.random.Generator) -> str:
    """A wrong check character, or zeros in front of the birth date."""
    if generator.random() < 0.5:
        return "000000" + text[6:14]
    others = [chr(c) for c in CHECK_CHARACTERS if chr(c) not in (text[17], "0")]
    return text[:17] + others[generator.integers(0, len(others))]


def other_date(text: str, generator: np.random.Generator) -> str:
    """The same day in another of the forms senders use."""
    day = date.fromisoformat(text)
    return [
        f"{day.year}/{day.month}/{day.day}",
        f"{day:%Y%m%d}",
        f"{day.year}年{day.month}月{day.day}日",
        str((day - date(1899, 12, 30)).days),
        f"{text} 00:00:00",
    ][generator.integers(0, 5)]


def impossible_date(text: str, generator: np.random.Generator) -> str:
    """No day of any calendar."""
    return [f"{text[:4]}-02-30", f"{text[:4]}-13-01", "待定"][generator.integers(0, 3)]


def filler_date(text: str, generator: np.random.Generator) -> str:
    """A day that stands for: not known."""
    return ["1900-01-01", "1970-01-01"][generator.integers(0, 2)]


def future_date(text: str, generator: np.random.Generator) -> str:
    """A day after any delivery."""
    return str(int(text[:4]) + 5) + text[4:8] + "01"


def written_money(text: str, generator: np.random.Generator) -> str:
    """The same amount with separators, full-width digits, 元 or accountants' brackets."""
    if text.startswith("-"):
        return f"({text[1:]})"
    whole, cents = text.split(".")
    return [f"{int(whole):,}.{cents}", text.translate(WIDE), f"{text}元"][generator.integers(0, 3)]


def bracketed_money(text: str, generator: np.random.Generator) -> str:
    """The amount as a negative one."""
    return f"({text})"


def short_division(text: str, generator: np.random.Generator) -> str:
    """The code cut to township or county."""
    return text[: [9, 6][generator.integers(0, 2)]]


def garbled(text: str, generator: np.random.Generator) -> str:
    """A name that lost its characters on the way."""
    return ["锟斤拷锟斤拷", text[:1] + "\ufffd"][generator.integers(0, 2)]


def loose_name(text: str, generator: np.random.Generator) -> str:
    """The same name with another middle dot, spaces or a note."""
    if "·" in text:
        return text.replace("·", "•")
    return [text + " ", text[:1] + "\u3000" + text[1:], text + "（已故）"][generator.integers(0, 3)]


def two_lines(text: str, generator: np.random.Generator) -> str:
    """A name with a comma and a line end in it."""
    return f"{text or '无名氏'},约40岁\n男"


def lost_account(text: str, generator: np.random.Generator) -> str:
    """An account a spreadsheet has rounded."""
    return f"{float(text):.2E}"


def fixed(value: str):
    """Always the same text."""

    def spelling(text: str, generator: np.random.Generator) -> str:
        return value

    return spelling


def sex_letter(male: str, female: str):
    """A sex in letters or words instead of codes.

    Args:
        male, female: codes of the table's list.
    """

    def spelling(text: str, generator: np.random.Generator) -> str:
        pair = [("M", "F"), ("男", "女")][generator.integers(0, 2)]
        return {male: pair[0], female: pair[1]}.get(text, text)

    return spelling
