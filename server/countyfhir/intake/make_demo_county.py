"""Writes the files of the demo county, the same ones every time: ``python -m countyfhir.intake.make_demo_county``.

All people, numbers and places are invented; 370599 is the code of no county. The workbook needs ``openpyxl``.
"""

from __future__ import annotations

import csv
import io
import json
import random
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from countyfhir.mapping.functions.person import check_character

SURNAMES = "王李张刘陈杨赵黄周吴徐孙马朱胡郭何林高罗"
GIVEN = ("桂芳", "建军", "秀兰", "志强", "玉梅", "国庆", "淑英", "永福", "春燕", "德林", "红霞", "长顺", "凤英", "立民")
DIAGNOSES = {"高血压病2级": "I10.x00x002", "2型糖尿病": "E11.900", "急性上呼吸道感染": "J06.900", "慢性胃炎": "K29.500"}
COMPLAINTS = ("头晕3天", "咳嗽、流涕2天", "口干、多饮1月", "上腹不适1周")
TOWNSHIP, HOSPITAL = "东岭镇卫生院", "白石县人民医院"
TOWNSHIP_LOG = [
    "登记号",
    "姓名",
    "性别",
    "出生日期",
    "身份证号",
    "电话",
    "流水号",
    "就诊日期",
    "主诉",
    "血压",
    "体重",
    "诊断",
    "用药",
    "医生",
]
FOLLOW_UP = [
    "随访编号",
    "档案编号",
    "姓名",
    "身份证号",
    "随访日期",
    "随访方式",
    "收缩压",
    "舒张压",
    "体重",
    "心率",
    "服药依从性",
    "此次随访分类",
    "随访医生",
]
REFERRAL = [
    "转诊单号",
    "登记号",
    "方向",
    "原因",
    "初步印象",
    "申请机构",
    "转入机构",
    "申请医生",
    "申请时间",
    "接收时间",
    "到诊时间",
    "状态",
]
SLIP = [
    "回转单号",
    "转诊单号",
    "登记号",
    "诊断结果",
    "主要检查结果",
    "治疗经过",
    "下一步治疗方案",
    "康复建议",
    "回转医生",
    "回转时间",
]


@dataclass(frozen=True, slots=True)
class Resident:
    """One invented person and the number each system knows them by."""

    position: int
    name: str
    born: date
    female: bool
    identity: str
    phone: str

    @property
    def hospital(self) -> str:
        return str(20000 + self.position)

    @property
    def township(self) -> str:
        return f"DL{self.position:05}"

    @property
    def archive(self) -> str:
        return f"370599101001{self.position:05}"


def residents(generator: random.Random, count: int = 25) -> list[Resident]:
    """The first is the one whose record the demo shows."""
    found = []
    for position in range(1, count + 1):
        female = position == 1 or generator.random() < 0.5
        born = date(1956, 3, 12) if position == 1 else date(1938, 1, 1) + timedelta(generator.randrange(22000))
        sequence = generator.randrange(100) * 10 + generator.randrange(5) * 2 + (0 if female else 1)
        first = f"370599{born:%Y%m%d}{sequence:03}"
        name = "王桂芳" if position == 1 else generator.choice(SURNAMES) + generator.choice(GIVEN)
        phone = f"1{generator.choice('3578')}{generator.randrange(10**9):09}"
        found.append(Resident(position, name, born, female, first + check_character(first), phone))
    return found


def pressure(generator: random.Random) -> str:
    return f"{generator.randrange(112, 168)}/{generator.randrange(66, 100)}"


def day(generator: random.Random) -> date:
    return date(2025, 1, 1) + timedelta(generator.randrange(330))


def hospital_patients(people: list[Resident]) -> list[dict[str, Any]]:
    """白石县人民医院: full-width and blank-ridden numbers, a placeholder, a duplicate, a newer and an older version."""
    rows = [
        {
            "BRID": one.hospital,
            "BRXM": one.name,
            "SFZH": one.identity,
            "BRXB": "2" if one.female else "1",
            "CSNY": f"{one.born:%Y-%m-%d}",
            "JTDH": one.phone,
            "HKDZ": f"白石县东岭镇上河村{one.position}号",
            "XGSJ": "2025-01-02 08:00:00",
        }
        for one in people[:16]
    ]
    rows[1]["SFZH"] = rows[1]["SFZH"].translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    rows[2]["SFZH"] = f" {rows[2]['SFZH'].lower()} "
    rows[3] |= {"SFZH": "身份证丢失", "CSNY": "68岁"}
    rows[4]["CSNY"] = f"{people[4].born.year}年{people[4].born.month}月"
    rows[5]["BRXB"] = "9"
    newer = rows[6] | {"JTDH": "13900000007(女儿)", "XGSJ": "2025-09-01 10:00:00"}
    return [*rows, dict(rows[0]), newer, dict(rows[6])]


def hospital_visits(people: list[Resident], generator: random.Random) -> list[dict[str, Any]]:
    """Visits with their diagnosis; a damaged diagnosis, an impossible pressure, a cancelled row, a duplicate."""
    rows = []
    for position, one in enumerate([*people[:16], *people[:6]]):
        text = "高血压病2级" if one.position == 1 else generator.choice(list(DIAGNOSES))
        hour, minute = generator.randrange(8, 17), generator.randrange(60)
        rows.append(
            {
                "JZXH": str(810001 + position),
                "BRID": one.hospital,
                "KSSJ": f"{day(generator):%Y-%m-%d} {hour:02}:{minute:02}:00",
                "KSMC": "心内科" if text.startswith("高血压") else "内科",
                "YSXM": "许静",
                "ZSXX": generator.choice(COMPLAINTS),
                "XY": pressure(generator),
                "ZDMC": text,
                "ICD10": DIAGNOSES[text],
                "ZFPB": "0",
            }
        )
    rows[3] |= {"ZDMC": "高血压病？、冠心病", "ICD10": ""}
    rows[5] |= {"ZDMC": "????", "ICD10": "J06.900"}
    rows[7]["XY"] = "82/128"
    rows[9]["XY"] = "18.7/12.0kPa"
    rows[11]["ICD10"] = "ｉ10.X00X002"
    rows[12]["ZFPB"] = "1"
    rows[14]["KSSJ"] = "2025年6月5日 9:30"
    return [*rows, dict(rows[2])]


def township_log(people: list[Resident], generator: random.Random) -> list[list[Any]]:
    """东岭镇卫生院: one row a visit; dates as cells and as text, a damaged diagnosis, a destroyed identity number."""
    rows: list[list[Any]] = [list(TOWNSHIP_LOG)]
    for position, one in enumerate([*people[:20], people[0]]):
        drug = "缬沙坦胶囊 1粒 qd" if position % 2 == 0 else "盐酸二甲双胍片 1片 tid；阿托伐他汀钙片 1片 qn"
        person = [one.township, one.name, "女" if one.female else "男", one.born.isoformat(), one.identity, one.phone]
        visit = [f"DL2025{position + 1:04}", day(generator), generator.choice(COMPLAINTS), pressure(generator)]
        weight, diagnosis = round(generator.uniform(48, 82), 1), generator.choice(list(DIAGNOSES))
        rows.append([*person, *visit, weight, diagnosis, drug, "任桂英"])
    rows[5][7] = "2025.3.8"
    rows[6][9] = "138－86mmHg"
    rows[7][11] = "ç³\u0096å°¿ç\u0097\u0085"
    rows[8][4] = "3.70599E+17"
    rows[10][6] = None
    rows[21][7], rows[21][9], rows[21][11] = date(2025, 10, 9), "176/108", "高血压病3级"
    return rows


def village_follow_up(people: list[Resident], generator: random.Random) -> list[dict[str, Any]]:
    """上河村卫生室: the follow-up form of hypertension; one figure missing, a lunar date, a mode outside the list."""
    rows = []
    for visit in range(3):
        for one in people[:10]:
            systolic, diastolic = pressure(generator).split("/")
            cells = [
                f"SH{visit + 1}{one.position:04}",
                one.archive,
                one.name,
                one.identity,
                f"2025-{visit * 4 + 2:02}-{generator.randrange(1, 28):02}",
                str(generator.randrange(1, 4)),
                systolic,
                diastolic,
                f"{generator.uniform(48, 82):.1f}",
                str(generator.randrange(60, 90)),
                str(generator.randrange(1, 4)),
                "1" if int(systolic) < 140 else "2",
                "田守信",
            ]
            rows.append(dict(zip(FOLLOW_UP, cells, strict=True)))
    rows[0]["随访方式"] = "2"
    rows[4]["舒张压"] = ""
    rows[6]["随访日期"] = "2025/2/9"
    rows[8]["随访日期"] = "二月初三"
    rows[13]["随访方式"] = "7"
    return rows


def referrals(people: list[Resident]) -> list[dict[str, Any]]:
    """Two referrals out of the township; the second is marked completed without a return slip."""
    parties = [TOWNSHIP, HOSPITAL, "任桂英"]
    reasons = [["1", "连续两次出现血压控制不满意", "高血压病3级"], ["1", "因技术、设备条件限制不能诊治", "胸痛待查"]]
    times = [
        ["2025-10-09 10:20:00", "2025-10-09 11:05:00", "2025-10-10 08:40:00", "08"],
        ["2025-11-12 15:02:00", "2025-11-12 15:40:00", "2025-11-13 09:10:00", "08"],
    ]
    numbers = ["370599202510090000000001", "370599202511120000000002"]
    patients = [people[0].township, people[4].township]
    return [
        dict(zip(REFERRAL, [numbers[row], patients[row], *reasons[row], *parties, *times[row]], strict=True))
        for row in range(2)
    ]


def return_slips(people: list[Resident]) -> list[dict[str, Any]]:
    """The return slip of the first referral."""
    cells = [
        "HZ370599202510130001",
        "370599202510090000000001",
        people[0].township,
        "高血压病3级（很高危）",
        "心电图示窦性心律，左室高电压；血钾4.1mmol/L",
        "调整为缬沙坦联合氨氯地平，血压降至138/84mmHg",
        "规律服药，两周后村卫生室复测血压",
        "低盐饮食，每日步行30分钟",
        "许静",
        "2025-10-13 16:00:00",
    ]
    return [dict(zip(SLIP, cells, strict=True))]


def ecg_reports(people: list[Resident]) -> list[dict[str, Any]]:
    """白石县远程心电中心: three reports, one order still without its report."""
    rows = [
        {
            "orderNo": f"BX2025{position + 1:04}",
            "patientNo": str(70000 + one.position),
            "name": one.name,
            "idCard": one.identity,
            "from": TOWNSHIP,
            "requested": f"2025-10-09 10:3{position}:00",
            "received": f"2025-10-09 10:3{position + 2}:10",
            "reported": f"2025-10-09 10:5{position}:40",
            "heartRate": 72 + 5 * position,
            "findings": "窦性心律",
            "conclusion": "正常心电图",
            "state": "1",
        }
        for position, one in enumerate((people[0], people[4], people[8], people[12]))
    ]
    rows[0] |= {"findings": "窦性心律，左室高电压", "conclusion": "左室高电压，请结合临床"}
    rows[3] |= {"reported": "", "findings": "", "conclusion": "", "state": "0", "heartRate": None}
    return rows


def contracts(people: list[Resident]) -> list[dict[str, Any]]:
    """Family-doctor contracts: one terminated, one waiting to be signed, one that belongs to nobody."""
    rows = [
        {
            "signId": f"BSQY2025{one.position:04}",
            "residentNo": f"Q{one.position:04}",
            "name": one.name,
            "idCard": one.identity,
            "begin": "2025-01-01",
            "end": "2025-12-31",
            "signed": "2024-12-20",
            "status": "1",
            "team": "上河村家庭医生团队",
            "org": TOWNSHIP,
            "packages": ["基础服务包", "高血压服务包"],
        }
        for one in people[:8]
    ]
    rows[2] |= {"status": "2", "end": "2025-06-30"}
    rows[5]["status"] = "4"
    rows[7]["residentNo"] = "NULL"
    return rows


def write_csv(path: Path, encoding: str, rows: list[dict[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.getvalue().encode(encoding))


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def write_workbook(path: Path, title: str, rows: Iterable[list[Any]]) -> None:
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet(title)
    for row in rows:
        sheet.append(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)


def make(folder: Path, seed: int = 370599) -> None:
    """Writes every file of the demo county below ``folder``."""
    generator = random.Random(seed)
    people = residents(generator)
    write_csv(folder / "baishi-hospital" / "patients.csv", "gb18030", hospital_patients(people))
    write_csv(folder / "baishi-hospital" / "visits.csv", "gb18030", hospital_visits(people, generator))
    write_workbook(folder / "dongling-township" / "dongling.xlsx", "门诊登记", township_log(people, generator))
    write_csv(folder / "shanghe-village" / "follow-up.csv", "utf-8-sig", village_follow_up(people, generator))
    write_csv(folder / "baishi-referrals" / "referral-out.csv", "utf-8-sig", referrals(people))
    write_csv(folder / "baishi-referrals" / "return-slip.csv", "utf-8-sig", return_slips(people))
    write_lines(folder / "baishi-ecg" / "reports.jsonl", ecg_reports(people))
    write_lines(folder / "baishi-contracts" / "contracts.jsonl", contracts(people))


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "demo_county")
