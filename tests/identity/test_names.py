"""Names agree across blanks, dots, variants and homophones; what is no name is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as draw

from countyfhir.identity.names import agreement, name_of
from countyfhir.identity.rules import shipped_rules

RULES = shipped_rules()
NAMES = draw.text(alphabet="王李张刘陈欧阳明静军伟俊君峰峯 ·", min_size=1, max_size=6)


def agreed(a: str, b: str) -> str:
    """How two names agree."""
    one, other = name_of(a, RULES), name_of(b, RULES)
    assert one is not None
    assert other is not None
    return agreement(one, other)


@pytest.mark.parametrize(
    ("a", "b", "how"),
    [
        ("张 三丰", "张三丰", "same"),
        ("古丽·买买提", "古丽.买买提", "same"),
        ("古丽・买买提", "古丽 买买提", "same"),
        ("陈志峰", "陳志峯", "same"),
        ("王俊", "王君", "same"),
        ("李静怡", "李景宜", "sound"),
        ("杨金凤", "杨金花", "similar"),
        ("杨雅琴", "杨玉珍", "surname"),
        ("欧阳明", "欧阳静", "similar"),
        ("王明", "王静", "surname"),
        ("王明", "李静", "other"),
        ("John Smith", "SMITH, john", "same"),
        ("王明先生", "王明", "same"),
        ("张伟", "ZHANG WEI", "sound"),
        ("张伟", "Wei Zhang", "sound"),
        ("濮阳俊杰", "Pu Yang Jun Jie", "sound"),
        ("欧阳静", "Jing Ouyang", "sound"),
        ("吕晓明", "LYU XIAOMING", "sound"),
        ("吕晓明", "lü xiao ming", "sound"),
        ("张伟", "Wang Wei", "other"),
        ("张伟", "Zhang Wu", "other"),
        ("XIE XIAOMING", "Xiao Ming Xie", "similar"),
    ],
)
def test_how_names_agree(a: str, b: str, how: str) -> None:
    """As a clerk would say, in both directions."""
    assert agreed(a, b) == agreed(b, a) == how


@pytest.mark.parametrize(
    "text",
    ["徐永贵之女", "陈浩然之子", "患者本人", "张**", "张XX", "李x", "张某某", "女婴", "无名氏", "王", "", "测试1"],
)
def test_what_is_no_name(text: str) -> None:
    """Descriptions, masked names, single letters are not compared."""
    assert name_of(text, RULES) is None


@given(NAMES, NAMES)
def test_agreement_is_symmetric(a: str, b: str) -> None:
    """Whichever comes first."""
    one, other = name_of(a, RULES), name_of(b, RULES)
    if one is not None and other is not None:
        assert agreement(one, other) == agreement(other, one)
        assert agreement(one, one) == "same"
