"""How Chinese surnames (of one character, and 复姓) and places are read where dictionaries read them otherwise.

Sources: the readings of 通用规范汉字表 dictionaries for 姓 (surname) senses; written by us.
"""

from __future__ import annotations

_SINGLE = """
单 shan  單 shan  仇 qiu  解 xie  曾 zeng  查 zha  朴 piao  盖 ge  葛 ge  任 ren  区 ou  區 ou  召 shao  折 she  华 hua
覃 qin  缪 miao  繆 miao  尹 yin  员 yun  員 yun  贠 yun  黑 he  乐 yue  樂 yue  乜 nie  洗 xian  冼 xian  瞿 qu  不 fou
秘 bi  繁 po  牟 mu  种 chong  重 chong  隗 wei  教 jiao  訾 zi  车 che  車 che  尉 wei  郇 xun  逄 pang  郗 xi
俞 yu  祭 zhai  相 xiang  卜 bu  曲 qu  都 du  令 ling  句 gou  勾 gou  纪 ji  紀 ji  应 ying  應 ying  哈 ha  厍 she
宿 su  钭 tou  佴 nai  能 nai  番 pan  弗 fei  费 fei  費 fei  适 kuo  鲍 bao  鮑 bao  会 gui  會 gui  过 guo  過 guo
那 na  宁 ning  甯 ning  晁 chao  薄 bo  柏 bai  叶 ye  葉 ye  沈 shen  谌 chen  諶 chen  阚 kan  闞 kan  郝 hao
洪 hong  燕 yan  殷 yin  藏 zang  臧 zang  翟 zhai  万 wan  萬 wan  韦 wei  褚 chu  巩 gong  强 qiang  強 qiang
杓 shao  长 chang  長 chang  行 xing  空 kong  干 gan  於 yu  于 yu  余 yu  石 shi  阿 a  莘 shen  麻 ma  参 shen
邵 shao  邱 qiu  呙 guo  咼 guo  亓 qi  郄 qie  麴 qu  鞠 ju  璩 qu  逯 lu  蔺 lin  藺 lin  戢 ji  郏 jia
仝 tong  仉 zhang  芈 mi  笪 da  覀 xi  禤 xuan  粘 nian  肖 xiao  萧 xiao  蕭 xiao  占 zhan  詹 zhan  卞 bian
么 yao  角 jue
"""


_COMPOUND = """
欧阳 ou-yang  歐陽 ou-yang  司马 si-ma  司馬 si-ma  上官 shang-guan  诸葛 zhu-ge  諸葛 zhu-ge  尉迟 yu-chi  尉遲 yu-chi
长孙 zhang-sun  長孫 zhang-sun  夏侯 xia-hou  皇甫 huang-fu  宇文 yu-wen  慕容 mu-rong  司徒 si-tu  司空 si-kong
令狐 ling-hu  轩辕 xuan-yuan  軒轅 xuan-yuan  端木 duan-mu  东方 dong-fang  東方 dong-fang  独孤 du-gu  獨孤 du-gu
南宫 nan-gong  南宮 nan-gong  公孙 gong-sun  公孫 gong-sun  万俟 mo-qi  萬俟 mo-qi  澹台 tan-tai  澹臺 tan-tai
申屠 shen-tu  太史 tai-shi  呼延 hu-yan  单于 chan-yu  單于 chan-yu  闻人 wen-ren  聞人 wen-ren  赫连 he-lian
赫連 he-lian  钟离 zhong-li  鐘離 zhong-li  鲜于 xian-yu  鮮于 xian-yu  拓跋 tuo-ba  濮阳 pu-yang  濮陽 pu-yang
淳于 chun-yu  百里 bai-li  东郭 dong-guo  東郭 dong-guo  西门 xi-men  西門 xi-men  南门 nan-men  南門 nan-men
仲孙 zhong-sun  仲孫 zhong-sun  公羊 gong-yang  公冶 gong-ye  宗政 zong-zheng  完颜 wan-yan  完顏 wan-yan
纳兰 na-lan  納蘭 na-lan  叶赫 ye-he  葉赫 ye-he  哥舒 ge-shu  贺兰 he-lan  賀蘭 he-lan  第五 di-wu  左丘 zuo-qiu
梁丘 liang-qiu  子车 zi-ju  子車 zi-ju  颛孙 zhuan-sun  顓孫 zhuan-sun  巫马 wu-ma  巫馬 wu-ma  漆雕 qi-diao
乐正 yue-zheng  樂正 yue-zheng  壤驷 rang-si  壤駟 rang-si  公良 gong-liang  夹谷 jia-gu  夾谷 jia-gu  宰父 zai-fu
谷梁 gu-liang  穀梁 gu-liang  段干 duan-gan  东门 dong-men  東門 dong-men  呼衍 hu-yan  亓官 qi-guan  司寇 si-kou
仉督 zhang-du  羊舌 yang-she  微生 wei-sheng  即墨 ji-mo  尔朱 er-zhu  爾朱 er-zhu  沙吒 sha-zha  屈突 qu-tu
"""


SINGLE: dict[str, str] = dict(zip(*[iter(_SINGLE.split())] * 2, strict=True))
"""Surname of one character -> its reading without tone."""

COMPOUND: dict[str, tuple[str, ...]] = {
    characters: tuple(reading.split("-")) for characters, reading in zip(*[iter(_COMPOUND.split())] * 2, strict=True)
}
"""Surname of several characters -> its syllables without tones."""

RARE = {"𠮷": "ji"}
"""Characters of names that dictionaries do not have."""

PLACES: dict[str, tuple[str, ...]] = {
    "都匀": ("du", "yun"),
    "都安": ("du", "an"),
    "长顺": ("chang", "shun"),
    "单县": ("shan", "xian"),
    "百色": ("bai", "se"),
    "丽水": ("li", "shui"),
    "浚县": ("xun", "xian"),
    "华县": ("hua", "xian"),
    "涡阳": ("guo", "yang"),
    "洪洞": ("hong", "tong"),
    "牟平": ("mu", "ping"),
    "黄陂": ("huang", "pi"),
}
"""Places in the names of institutions that dictionaries of words read wrongly or do not know."""
