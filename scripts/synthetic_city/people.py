"""Invented persons: numbers with right check characters and a region code nobody was ever given, names, accounts."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

REGION = 410899
"""First six digits of every invented number. GB/T 2260 assigns no 410899, nor the codes below it that follow when a
birth date has more than 499 persons of a sex (410898, 410897, …, all of them unassigned down to 410884)."""
PER_REGION = 499  # order codes of one sex on one birth date, 001–999 odd for men and 002–998 even for women
WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])  # GB 11643, ISO 7064 MOD 11-2
CHECK_CHARACTERS = np.frombuffer(b"10X98765432", np.uint8)

SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊"
    "金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
)
GIVEN = "建国华军平志明强伟勇杰涛超辉刚永生福贵玉兰秀英桂芳丽娟霞红梅艳敏静淑珍凤琴云花春香爱莲小东海波新民德才文武振宇浩然子轩梓涵雨欣佳怡思"
RARE = "㙍䶮垱堃犇淼𠅤𣲗"  # some need four bytes in GB18030
MINORITY = ("买买提·吐尔逊", "阿依古丽·艾合买提", "古丽娜尔·卡德尔", "热合曼·玉素甫", "马哈麦德·伊不拉")


class People:
    """The register of everybody invented so far; a person is an index into it."""

    def __init__(self, generator: np.random.Generator) -> None:
        self.generator = generator
        self._birth, self._male, self._order, self._surname, self._given = [], [], [], [], []
        self._used: np.ndarray = np.zeros((2, 80_000), np.int64)  # persons by sex and birth day since 1850
        self._size = 0

    def create(self, birth: np.ndarray, male: np.ndarray, surname: np.ndarray | None = None) -> np.ndarray:
        """Add n persons.

        Args:
            birth: n day numbers.
            male: n booleans.
            surname: n indices of family names to share, as families do, or None.
        Returns: n indices of persons.
        """
        count = len(birth)
        birth, male = np.asarray(birth, np.int64), np.asarray(male, bool)
        column = birth + 44_000
        group = male * self._used.shape[1] + column
        order = np.argsort(group, kind="stable")
        _, starts, sizes = np.unique(group[order], return_index=True, return_counts=True)
        rank = np.empty(count, np.int64)
        rank[order] = np.arange(count) - np.repeat(starts, sizes)
        rank += self._used[male.astype(int), column]
        np.add.at(self._used, (male.astype(int), column), 1)
        self._birth.append(birth)
        self._male.append(male)
        self._order.append(rank)
        self._surname.append(self.draw_surnames(count) if surname is None else np.asarray(surname))
        self._given.append(self._draw_given_names(count))
        created = np.arange(self._size, self._size + count)
        self._size += count
        return created

    def draw_surnames(self, count: int) -> np.ndarray:
        """Indices of family names, the frequent ones more often (n)."""
        return np.floor(len(SURNAMES) * self.generator.random(count) ** 2).astype(np.int64)

    def _draw_given_names(self, count: int) -> np.ndarray:
        size = len(GIVEN) + len(RARE)
        chance = self.generator.random((2, count))
        first, second = np.floor(chance * len(GIVEN)).astype(np.int64)
        rare = self.generator.random(count) < 0.003
        second[rare] = len(GIVEN) + self.generator.integers(0, len(RARE), int(rare.sum()))
        given = first * size + second
        given[self.generator.random(count) < 0.15] = first[0] if count else 0
        minority = self.generator.random(count) < 0.0015
        given[minority] = -1 - self.generator.integers(0, len(MINORITY), int(minority.sum()))
        return given

    def birth_of(self, persons: np.ndarray) -> np.ndarray:
        """Birth day numbers of some persons."""
        return np.concatenate([*self._birth, np.zeros(0, np.int64)])[persons]

    def male_of(self, persons: np.ndarray) -> np.ndarray:
        """Whether each of some persons is a man."""
        return np.concatenate([*self._male, np.zeros(0, bool)])[persons]

    def freeze(self) -> "Register":
        """The register as columns to write from; nobody is added after it."""
        birth, male = np.concatenate(self._birth), np.concatenate(self._male)
        numbers = id_numbers(birth, male, np.concatenate(self._order))
        names = _names(np.concatenate(self._surname), np.concatenate(self._given))
        return Register(birth, male, numbers, names)


class Register:
    """Birth day number, sex, number and name by person; the account follows from the person."""

    def __init__(self, birth: np.ndarray, male: np.ndarray, numbers: pa.Array, names: pa.Array) -> None:
        self.birth, self.male, self.numbers, self.names = birth, male, numbers, names

    def accounts(self, persons: np.ndarray) -> pa.Array:
        """Bank accounts of n persons, 19 digits."""
        return pc.cast(pa.array(6_228_480_000_000_000_000 + persons.astype(np.int64) * 7_919), pa.string())


def id_numbers(birth: np.ndarray, male: np.ndarray, rank: np.ndarray) -> pa.Array:
    """18-character numbers (GB 11643): region, birth date, order code odd for men, check character."""
    day = birth.astype("datetime64[D]")
    month, year = day.astype("datetime64[M]"), day.astype("datetime64[Y]")
    dates = (year.astype(int) + 1970) * 10_000 + (month.astype(int) % 12 + 1) * 100 + (day - month).astype(int) + 1
    region = REGION - rank // PER_REGION
    order = (rank % PER_REGION) * 2 + np.where(male, 1, 2)
    body = region.astype(np.int64) * 10**11 + dates * 1000 + order
    digits = np.empty((len(birth), 18), np.uint8)
    for position in range(16, -1, -1):
        body, digits[:, position] = np.divmod(body, 10)
    digits[:, 17] = CHECK_CHARACTERS[digits[:, :17].astype(np.int64) @ WEIGHTS % 11]
    digits[:, :17] += ord("0")
    offsets = np.arange(len(birth) + 1, dtype=np.int32) * 18
    return pa.StringArray.from_buffers(len(birth), pa.py_buffer(offsets), pa.py_buffer(digits.tobytes()))


def _names(surname: np.ndarray, given: np.ndarray) -> pa.Array:
    characters = GIVEN + RARE
    size = len(characters)
    pairs = [first + second for first in characters for second in characters] + list(MINORITY)
    family = pa.array(list(SURNAMES)).take(pa.array(surname))
    index = np.where(given >= 0, given, size * size - 1 - given)
    first_names = pa.array(pairs).take(pa.array(index))
    full = pc.binary_join_element_wise(family, first_names, "")
    return pc.if_else(pa.array(given < 0), first_names, full)
