"""Reindexing as jobs of the store: what each must do, which parameters are ready, and the work itself, resumable
(DESIGN decision 6).

Every definitions version has one job, ``reindex-definitions-<version>``; its progress names the parameters of that
version (``parameters``), those that were ready when it was made (``kept``), and the resource types to walk (``types``,
None for all). Jobs that somebody asked for have other ids and make nothing ready.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from countyfhir.search.custom import Custom
from countyfhir.store.ports import Job, JobStore

KIND = "reindex"
UNFINISHED = ("waiting", "running")
_START = {"after": 0, "checked": 0, "changed": 0, "failed": 0}


def job_id(version: int) -> str:
    """The job of a definitions version."""
    return f"reindex-definitions-{version}"


async def ensured(version: int, customs: Sequence[Custom], jobs: JobStore) -> Job | None:
    """The job of the version, added by whoever comes first; None for version 0, where nothing was ever changed."""
    if version == 0:
        return None
    job = await jobs.read(job_id(version))
    if job is None:
        before = await jobs.read(job_id(version - 1))
        await jobs.add(job_id(version), KIND, planned(version, customs, before))
        job = await jobs.read(job_id(version))
    return job


def planned(version: int, customs: Iterable[Custom], before: Job | None) -> dict[str, Any]:
    """What the job of a version starts with. Without the job of the version before it nothing counts as ready."""
    parameters = {one.url: [one.code, one.meaning, sorted(one.by_type)] for one in customs}
    earlier: dict[str, list[Any]] = before.progress["parameters"] if before else {}
    ready = earlier.keys() if before and before.state == "finished" else before.progress["kept"] if before else ()
    kept = [url for url, told in parameters.items() if url in ready and earlier.get(url) == told]
    types: list[str] | None = None
    if before is not None or version == 1:
        concerned = [told for url, told in parameters.items() if url not in kept]
        concerned += [told for url, told in earlier.items() if parameters.get(url) != told]
        types = sorted({name for told in concerned for name in told[2]})
        if before is not None and before.state != "finished":
            left = before.progress["types"]
            types = None if left is None else sorted({*types, *left})
    return {"definitions": version, "parameters": parameters, "kept": kept, "types": types, **_START}


def waiting(job: Job | None, customs: Iterable[Custom]) -> dict[str, str]:
    """The parameters that cannot be searched yet (url -> job)."""
    if job is None or job.state == "finished":
        return {}
    return {one.url: job.job_id for one in customs if one.url not in job.progress["kept"]}


def asked_for(types: Iterable[str] | None) -> dict[str, Any]:
    """What a job that somebody asked for starts with."""
    return {"types": None if types is None else sorted(types), **_START}


def is_superseded(job: Job, version: int) -> bool:
    """Whether the job is of another definitions version than the present one."""
    return bool(job.progress.get("definitions", version) != version)
