"""Bodies of resources in documents: most in the document itself, large ones in pieces (16 MB bound a document)."""

from __future__ import annotations

from typing import Any

from bson.binary import Binary

from countyfhir.exchange import Stored
from countyfhir.store.mongodb.reading import Document, Reading


def kept(body: bytes | None, owner: str, version_id: int, most: int) -> tuple[Document, list[Document]]:
    """The fields of a version that hold its body, and the documents of its pieces."""
    if body is None:
        return {"d": True}, []
    if len(body) <= most:
        return {"b": Binary(body)}, []
    parts = [body[start : start + most] for start in range(0, len(body), most)]
    pieces = [
        {"_id": f"{owner}/{version_id}#{place}", "o": f"{owner}/{version_id}", "f": place, "b": Binary(part)}
        for place, part in enumerate(parts)
    ]
    return {"c": len(parts)}, pieces


async def stored_of(reading: Reading, document: Document) -> Stored:
    """The version that a document of ``resource`` or ``version`` holds."""
    body: Any = document.get("b")
    if "c" in document:
        owner = f"{document['t']}/{document['i']}/{document['v']}"
        pieces = reading.find("piece", {"o": owner}, {"b": 1}, sort=[("f", 1)])
        body = b"".join([piece["b"] async for piece in pieces])
    return Stored(
        document["t"],
        document["i"],
        document["v"],
        document["u"],
        bytes(body) if body is not None else None,
        document["m"],
        document["s"],
        document.get("p"),
    )
