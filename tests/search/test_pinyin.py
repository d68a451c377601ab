"""Chinese names are found by pinyin and initials, and surnames are read as surnames."""

import pytest

from countyfhir.search.pinyin import forms, is_chinese, sort_key
from countyfhir.search.spelled import in_one_word


@pytest.mark.parametrize(
    ("name", "full", "initials"),
    [
        ("欧阳修", "ouyangxiu", "oyx"),
        ("单雄信", "shanxiongxin", "sxx"),
        ("仇英", "qiuying", "qy"),
        ("解晓东", "xiexiaodong", "xxd"),
        ("曾国藩", "zengguofan", "zgf"),
        ("查良镛", "zhaliangyong", "zly"),
        ("朴正欢", "piaozhenghuan", "pzh"),
        ("尉迟恭", "yuchigong", "ycg"),
        ("张三", "zhangsan", "zs"),
        ("𠮷丽", "jili", "jl"),
        ("么红", "yaohong", "yh"),
    ],
)
def test_whole_names_by_pinyin_and_initials(name, full, initials):
    """The surname's reading comes from the table of surnames, the rest from the dictionary."""
    assert forms(name, "whole") == (full, initials)


@pytest.mark.parametrize(
    ("text", "role", "expected"),
    [
        ("单", "family", ("shan",)),
        ("单", "given", ("dan",)),
        ("曾", "family", ("zeng",)),
        ("欧阳", "family", ("ouyang", "oy")),
        ("尉迟", "family", ("yuchi", "yc")),
        ("吕", "family", ("lv", "lyu", "lu")),
        ("Smith", "family", ()),
    ],
)
def test_the_role_decides_the_reading(text, role, expected):
    """A character is read as a surname only where a surname stands; ü is found as v, yu and u."""
    assert forms(text, role) == expected


def test_what_stands_between_characters_is_left_out():
    """A name with a middle dot or the space of a form is found without it, too."""
    assert forms("罗·建国", "whole") == ("luojianguo", "ljg", "罗建国")
    assert forms("王 丽", "whole") == ("wangli", "wl", "王丽")


@pytest.mark.parametrize(
    ("asked", "whole"),
    [
        ("wang li", "wangli"),
        ("ou yang x", "ouyangx"),
        ("ji'an x", "jianx"),
        ("o'neill", None),
        ("o'n", None),
        ("王 丽", "王丽"),
        ("阿依·古丽", "阿依古丽"),
        ("mary jane", None),
        ("wang", None),
        ("wang 3", None),
        ("dr. li", None),
    ],
)
def test_names_are_asked_for_in_one_word(asked, whole):
    """Chinese names and pinyin, of the last word the beginning; other names stay as they are."""
    assert in_one_word(asked) == whole


def test_names_sort_by_syllable_then_character():
    """李安, 林黛玉, 凌云, 王五: as a register by pinyin has them; homophones stay apart by character."""
    names = ["王五", "林黛玉", "李安", "凌云", "章伟", "张伟"]
    assert sorted(names, key=lambda name: sort_key(name, "whole"))[:4] == ["李安", "林黛玉", "凌云", "王五"]
    assert sort_key("章伟", "whole") != sort_key("张伟", "whole")
    assert sort_key("张", "whole") < sort_key("张三", "whole")


def test_only_han_characters_are_read():
    """Latin, kana and Cyrillic names have no pinyin."""
    assert [is_chinese(text) for text in ("Peter", "カナ", "Иван", "张", "〇", "㐱")] == [
        False,
        False,
        False,
        True,
        True,
        True,
    ]
