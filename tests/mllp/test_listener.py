"""Messages over a line, end to end: framed, taken in through the one door, answered, accounted for."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from countyfhir.mllp.connection import Limits
from countyfhir.mllp.peers import Peer
from countyfhir.outcome import FhirError

from .conftest import Bench, Line, adt, answer, segments


def codes(answers: list[list[list[str]]]) -> list[str]:
    return [one[1][1] for one in answers]


def test_a_message_is_stored_before_it_is_acknowledged(bench: Bench) -> None:
    """AA, then the Patient can be read, with a Provenance that names message and sender; the message is audited."""

    async def work(line: Line) -> None:
        ((msh, msa),) = await line.send(adt("77"))
        assert (msa[1:3], msh[2]) == (["AA", "77"], "COUNTY")
        (patient,) = await line.read("Patient")
        assert (patient["name"][0]["text"], patient["birthDate"]) == ("张三", "1968-07-15")
        (provenance,) = [one for one in await line.read("Provenance") if len(one["target"]) == 1]
        assert "mllp-lis/77" in provenance["entity"][1]["what"]["display"]
        (record,) = await line.audited()
        assert (record.principal, record.organization, record.request_id) == ("mllp:lis", "L1", "77")
        assert (record.outcome, record.query) == ("0", "$process-message?event=ADT-A08")

    bench(work)


def test_repeats_and_reused_control_ids(bench: Bench) -> None:
    """An exact repeat is answered AA and stores nothing; the same control id over other content is another message,
    and each of the two is known again."""

    async def work(line: Line) -> None:
        other = adt("1", "李四", mrn="8", at="20250102080000")
        answers = await line.send(adt("1"), adt("1"), other, other, adt("1"))
        assert codes(answers) == ["AA"] * 5
        assert [one[1][3] for one in answers] == ["stored", "repeated", "stored", "repeated", "repeated"]
        assert sorted(one["name"][0]["text"] for one in await line.read("Patient")) == ["张三", "李四"]
        assert {one["meta"]["versionId"] for one in await line.read("Patient")} == {"1"}

    bench(work)


def test_an_older_message_does_not_overwrite_a_newer_one(bench: Bench) -> None:
    async def work(line: Line) -> None:
        await line.send(adt("1", "新", at="20250202080000"), adt("2", "旧", at="20250101080000"))
        assert (await line.read("Patient"))[0]["name"][0]["text"] == "新"

    bench(work)


def test_what_cannot_be_stored_is_kept_and_accepted_with_a_warning(bench: Bench) -> None:
    """No number of the person; no mapping for the type; text that is not in its character set: durable in quarantine,
    AA, ERR. A repetition is not kept twice."""

    async def work(line: Line) -> None:
        nobody = adt("1", mrn="")
        strange = adt("2").replace(b"ADT^A08", b"BAR^P01")
        broken = adt("3").replace("张三".encode(), b"\xff\xfe\xfd")
        answers = await line.send(nobody, strange, broken, nobody)
        assert codes(answers) == ["AA"] * 4
        assert [one[2][1].split("^")[3].split("&")[0] for one in answers] == ["101", "200", "102", "101"]
        assert [one.raw for one in await line.quarantine()] == [nobody, strange, broken]
        assert await line.read("Patient") == []

    bench(work)


def test_a_cell_that_is_held_back_is_told(bench: Bench) -> None:
    """The record is stored; ERR names the field."""

    async def work(line: Line) -> None:
        ((_, msa, err),) = await line.send(adt("1", version="2.5", birth="19681399"))
        assert (msa[1], err[2], err[4]) == ("AA", "PID^1^7", "W")
        assert "birthDate" not in (await line.read("Patient"))[0]

    bench(work)


def test_the_store_that_is_away_is_worth_another_try(bench: Bench) -> None:
    """AE and nothing stored; the same message again is AA."""

    async def work(line: Line) -> None:
        line.broken.append(FhirError("transient", "busy"))
        answers = await line.send(adt("1"), adt("1"))
        assert codes(answers) == ["AE", "AA"]
        assert answers[1][1][3] == "stored"

    bench(work)


def test_a_fault_of_ours_does_not_hold_up_the_line(bench: Bench) -> None:
    """The message is in quarantine, accepted with an error of the application; the next one is stored."""

    async def work(line: Line) -> None:
        line.broken.append(RuntimeError("a mistake"))
        answers = await line.send(adt("1"), adt("2", mrn="8"))
        assert (codes(answers), len(await line.quarantine())) == (["AA", "AA"], 1)
        assert "207" in answers[0][2][1]

    bench(work)


def test_what_is_not_hl7_is_rejected(bench: Bench) -> None:
    """AR, and the connection goes on; acknowledgements are not answered."""

    async def work(line: Line) -> None:
        unknown = adt("5", version="2.8")
        answers = await line.send(b"hello", b"", b"MSH", unknown, adt("6", processing="D"))
        assert codes(answers) == ["AR"] * 5
        assert [one[1][2] for one in answers] == ["", "", "", "5", "6"]
        reader, writer = await line.connect()
        ack = b"MSH|^~\\&|||||2025||ACK|9|P|2.4\rMSA|AA|1\r"
        writer.write(b"\x0b" + ack + b"\x1c\r\x0b" + adt("8") + b"\x1c\r")
        assert (await answer(reader))[1][2] == "8"
        writer.close()
        assert await line.quarantine() == []

    bench(work)


def test_enhanced_mode_over_the_line(bench: Bench) -> None:
    """Two answers on one message: CA, then AA that wants no answer itself."""

    async def work(line: Line) -> None:
        reader, writer = await line.connect()
        writer.write(b"\x0b" + adt("1", accept="AL", application="AL") + b"\x1c\r")
        first, second = await answer(reader), await answer(reader)
        assert (first[1][1], second[1][1], second[0][14:16]) == ("CA", "AA", ["NE", "NE"])
        assert first[0][9] != second[0][9]
        writer.close()

    bench(work)


def test_text_without_msh_18_is_read_as_the_source_says(bench: Bench) -> None:
    """And the answer is written in the same character set."""

    async def work(line: Line) -> None:
        reader, writer = await line.connect()
        writer.write(b"\x0b" + adt("1", charset="") + b"\x1c\r")
        framed = await reader.readuntil(b"\x1c\r")
        assert segments(framed[1:-2], "gb18030")[0][5] == "检验科"
        assert (await line.read("Patient"))[0]["name"][0]["text"] == "张三"
        writer.close()

    bench(work)


def test_many_connections_and_messages_in_pieces(bench: Bench) -> None:
    """Every message of every connection is answered with its own control id, pipelined or byte by byte."""

    async def talk(line: Line, number: int) -> None:
        reader, writer = await line.connect()
        sent = b"".join(b"\x0b" + adt(f"{number}-{at}", mrn=f"{number}") + b"\x1c\r" for at in range(3))
        for start in range(0, len(sent), 97):
            writer.write(sent[start : start + 97])
            await asyncio.sleep(0)
        assert [(await answer(reader))[1][2] for _ in range(3)] == [f"{number}-{at}" for at in range(3)]
        writer.close()

    async def work(line: Line) -> None:
        await asyncio.gather(*(talk(line, number) for number in range(12)))
        assert len(await line.read("Patient")) == 12
        assert line.listener.office.counters.as_dict()["accepted"] == 36

    bench(work)


def test_too_long_a_message_is_rejected_and_the_next_one_taken(bench: Bench) -> None:
    async def work(line: Line) -> None:
        answers = await line.send(adt("1", "长" * 100_000), adt("2"))
        assert (codes(answers), answers[0][1][2]) == (["AR", "AA"], "1")

    bench(work)


@pytest.mark.parametrize("begun", [b"", b"\x0bMSH|^~\\&|", b"GET / HTTP/1.1\r\n", b"x" * 10_000])
def test_silence_and_broken_frames_end_the_connection(bench: Bench, begun: bytes) -> None:
    """Without an answer, cleanly; others are served."""
    bench.limits = Limits(idle=0.2, frame=0.2)

    async def work(line: Line) -> None:
        reader, writer = await line.connect()
        writer.write(begun)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
        assert codes(await line.send(adt("1"))) == ["AA"]

    bench(work)


def test_who_is_no_peer_gets_nothing(bench: Bench) -> None:
    """The connection ends at once, and that is audited."""
    bench.peers = (Peer("far", "s", networks=()),)

    async def work(line: Line) -> None:
        reader, _ = await line.connect()
        assert await asyncio.wait_for(reader.read(), 10) == b""
        (record,) = await line.audited()
        assert (record.principal, record.status, record.client) == ("mllp:unknown", 403, "127.0.0.1")

    bench(work)


def test_no_more_connections_than_allowed(bench: Bench) -> None:
    bench.limits = replace(bench.limits, connections=1)

    async def work(line: Line) -> None:
        _, first = await line.connect()
        await asyncio.sleep(0.05)
        reader, _ = await line.connect()
        assert await asyncio.wait_for(reader.read(), 10) == b""
        first.close()

    bench(work)


def test_stopping_finishes_what_is_on_its_way(bench: Bench) -> None:
    """A message that has come is stored and answered; a silent connection ends; nothing listens any more."""

    async def work(line: Line) -> None:
        silent, _ = await line.connect()
        reader, writer = await line.connect()
        lane = line.listener.lanes["s"]
        async with lane.turn:
            writer.write(b"\x0b" + adt("1") + b"\x1c\r")
            await asyncio.sleep(0.1)
            stopping = asyncio.create_task(line.listener.stop(10))
            assert await silent.read() == b""
        assert (await answer(reader))[1][1] == "AA"
        await stopping
        assert not line.listener.tasks
        with pytest.raises(ConnectionError):
            await line.connect()

    bench(work)
