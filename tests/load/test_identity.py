"""National IDs and tokens: GB 11643 word for word, and no two purposes meet."""

import stat
from datetime import date

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.deliveries import with_check_character
from warehouse import conversion, identity, pipeline, settings
from warehouse.errors import UsageError

TODAY = date(2021, 6, 4)
KEY = b"k" * 32


@pytest.mark.parametrize("number", ["11010519491231002X", "440524188001010014", "34052419800101001X"])
def test_the_standards_vectors_are_valid(number):
    assert identity.judge_number(number, TODAY).status == "valid"


def test_fifteen_digits_become_eighteen():
    found = identity.judge_number("410823400105002", TODAY)
    assert (found.status, found.number, found.birth_date) == ("valid_15", "41082319400105002X", "1940-01-05")


@pytest.mark.parametrize(
    "written",
    ["11010519491231002x", "'11010519491231002X", " 11010519491231002X\t", "１１０１０５１９４９１２３１００２Ｘ"],
)
def test_spellings_of_one_number_are_one_number(written):
    found = identity.judge_number(written, TODAY)
    assert (found.status, found.number, found.normalised) == ("valid", "11010519491231002X", True)


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("110105194912310021", "wrong_check"),
        (with_check_character("11010519490230002"), "impossible_birth_date"),
        (with_check_character("11010520210605002"), "impossible_birth_date"),
        ("1101051949123100", "wrong_form"),
        ("11010519491231002Y", "wrong_form"),
        ("军字第001号", "wrong_form"),
        ("000000194912310000", "placeholder"),
        ("111111111111111111", "placeholder"),
        ("00000019491231", "placeholder"),
        ("无名氏", "missing"),
    ],
)
def test_what_is_no_identity_is_named(written, status):
    assert identity.judge_number(written, TODAY).status == status


@pytest.mark.parametrize("written", ["4.10823E+17", "4.1082319490101E+17", "4.1e+17", "410823194901011000"])
def test_lost_digits_cannot_be_restored(written):
    assert with_check_character("41082319490101100") != "410823194901011000"
    with pytest.raises(identity.LostDigits):
        identity.judge_number(written, TODAY)


def test_a_right_number_may_end_in_three_zeros():
    numbers = (with_check_character(f"{region}19490101100") for region in range(410801, 410900))
    number = next(number for number in numbers if number.endswith("000"))
    assert identity.judge_number(number, TODAY).status == "valid"


@hypothesis_settings(deadline=None)
@given(st.integers(1, 10**6 - 1), st.dates(date(1850, 1, 1), TODAY), st.integers(0, 999))
def test_the_fast_way_agrees_with_the_rule(region, birth, sequence):
    import pyarrow

    number = with_check_character(f"{region:06}{birth:%Y%m%d}{sequence:03}")
    wrong = number[:-1] + ("0" if number[-1] != "0" else "1")
    for text in (number, wrong, number[:10] + "13" + number[12:], number.lower() + " "):
        plain = bool(conversion._plain_numbers(pyarrow.array([text, "x"]), TODAY)[0])
        try:
            found = identity.judge_number(text, TODAY)
        except identity.LostDigits:
            assert not plain
        else:
            assert plain == (found.status == "valid" and not found.normalised)


def test_sex_and_division_are_told_by_the_number():
    found = identity.judge_number("11010519491231002X", TODAY)
    assert (found.sex, found.division) == ("2", "110105")


def test_equal_texts_have_equal_tokens_of_one_purpose_only():
    tokens = {purpose: identity.Tokens(purpose, KEY).token("1") for purpose in identity.PURPOSES}
    assert identity.Tokens("name", KEY).token("1") == tokens["name"]
    assert len(set(tokens.values())) == len(identity.PURPOSES)
    assert identity.Tokens("name", b"o" * 32).token("1") != tokens["name"]


def test_a_token_is_the_hmac_of_rfc_2104():
    import hmac

    derived = identity._hkdf(KEY, "name")
    assert identity.Tokens("name", KEY).token("测试") == hmac.digest(derived, "测试".encode(), "sha256").hex()[:32]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("买买提·吐尔逊", "买买提•吐尔逊"),
        ("王 伟", "王伟"),
        ("王伟（已故）", "王伟"),
        ("王伟\u3000", "王伟"),
        ("Ｊｏｈｎ  Smith", "JOHN SMITH"),
    ],
)
def test_one_name_however_written(one, other):
    assert identity.normalise_name(one) == identity.normalise_name(other)


def test_a_name_that_ends_like_a_remark_is_a_name():
    assert identity.normalise_name("王已故") == "王已故"


def test_keys_are_made_once_for_this_user_alone(warehouse):
    folder = settings.get().keys_folder
    before = {name: (folder / name).read_text() for name in identity.KEY_FILES}
    pipeline.init()
    assert {name: (folder / name).read_text() for name in identity.KEY_FILES} == before
    assert len(set(before.values())) == len(before)
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in identity.KEY_FILES} == {0o600}


@pytest.mark.parametrize("step", [pipeline.init, pipeline.load])
@pytest.mark.parametrize("name", identity.KEY_FILES)
def test_a_key_that_is_lost_or_another_is_refused_and_not_made_anew(warehouse, step, name):
    path = settings.get().keys_folder / name
    path.write_text("ab" * 32)
    with pytest.raises(UsageError, match="not the key that this database was filled with"):
        step()
    path.unlink()
    with pytest.raises(UsageError, match="Restore it from its backup"):
        step()
    assert not path.exists()


def test_a_seal_opens_for_its_own_person_only(warehouse):
    from cryptography.exceptions import InvalidTag

    vault = identity.Vault()
    sealed = vault.seal("ab" * 16, "11010519491231002X", "测试甲")
    assert vault.open("ab" * 16, sealed) == ("11010519491231002X", "测试甲")
    assert "测试".encode() not in sealed
    with pytest.raises(InvalidTag):
        vault.open("cd" * 16, sealed)
