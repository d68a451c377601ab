"""Names of fictitious people, as often as such names occur."""

from __future__ import annotations

from random import Random

from bench.county.coded import Resource

FAMILIES = (
    *("王李张刘陈" * 6),
    *("杨赵黄周吴徐孙胡朱高" * 3),
    *"林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭单仇",
    "欧阳",
    "上官",
    "司马",
)
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英玉兰建国秀珍海燕春梅志红文华永庆凤莲宝山立新德福淑贞"


def person(chance: Random) -> Resource:
    """A HumanName."""
    family = chance.choice(FAMILIES)
    given = chance.choice(GIVEN) + (chance.choice(GIVEN) if chance.random() < 0.8 else "")
    return {"use": "official", "text": family + given, "family": family, "given": [given]}
