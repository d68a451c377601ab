"""Waveforms of DICOM objects as leads (DICOM PS3.3 C.10.9, PS3.16 CID 3001; General and 12-lead ECG)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from countyfhir.intake.dicom.codes import coding_of
from countyfhir.intake.ecg.recording import Damaged, differing, lead, scale

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

SAMPLES: Mapping[tuple[int, str], str] = {(8, "SB"): "b", (8, "UB"): "B", (16, "SS"): "h", (16, "US"): "H"}
WAVEFORMS = 0x54000100
ECG_CLASSES = tuple(f"1.2.840.10008.5.1.4.1.1.9.1.{kind}" for kind in (1, 2, 3))
"""12-lead, general and ambulatory ECG; pressures and sounds are not read."""


def waveforms(dataset: Dataset) -> list[dict[str, Any]]:
    """The multiplex groups: ``label``, ``originality`` (ORIGINAL, DERIVED), ``offset`` in ms, ``leads``. Damaged when
    samples are missing or a channel is no voltage."""
    if WAVEFORMS not in dataset or str(dataset.get("SOPClassUID")) not in ECG_CLASSES:
        return []
    return [group(one, bool(dataset.is_little_endian)) for one in dataset[WAVEFORMS].value]


def group(item: Dataset, little_endian: bool) -> dict[str, Any]:
    channels, samples = int(item.NumberOfWaveformChannels), int(item.NumberOfWaveformSamples)
    kind = SAMPLES.get((int(item.WaveformBitsAllocated), str(item.WaveformSampleInterpretation)))
    if kind is None:
        raise Damaged("ecg-damaged", "the samples of a waveform are of a kind that is not read here")
    frequency = Decimal(str(item.SamplingFrequency))
    raw, size = bytes(item.WaveformData), struct.calcsize(kind)
    if frequency <= 0 or channels < 1 or len(raw) < channels * samples * size:
        raise Damaged("ecg-damaged", "a waveform has fewer samples than it says")
    values = struct.unpack(
        f"{'<' if little_endian else '>'}{channels * samples}{kind}", raw[: channels * samples * size]
    )
    padding = padding_of(item, kind, little_endian)
    definitions = list(item.ChannelDefinitionSequence)
    leads = [
        channel(one, values[place::channels], Decimal(1000) / frequency, padding)
        for place, one in enumerate(definitions[:channels])
    ]
    if len(leads) < channels or differing(leads):
        raise Damaged("ecg-damaged", "the channels of a waveform are not told apart")
    return {
        "label": str(item.get("MultiplexGroupLabel", "")) or None,
        "originality": str(item.get("WaveformOriginality", "")) or None,
        "offset": item.get("MultiplexGroupTimeOffset"),
        "leads": leads,
    }


def padding_of(item: Dataset, kind: str, little_endian: bool) -> int | None:
    raw = item.get("WaveformPaddingValue")
    if not isinstance(raw, bytes) or len(raw) < struct.calcsize(kind):
        return None
    return int(struct.unpack_from(f"{'<' if little_endian else '>'}{kind}", raw)[0])


def channel(item: Dataset, samples: tuple[int, ...], period: Decimal, padding: int | None) -> dict[str, Any]:
    """One channel; its samples times sensitivity and correction, plus its baseline."""
    source = next(iter(item.get("ChannelSourceSequence") or ()), None)
    coding = coding_of(source) if source is not None else {}
    units = next(iter(item.get("ChannelSensitivityUnitsSequence") or ()), None)
    factor = Decimal(str(item.get("ChannelSensitivity", 1))) * Decimal(
        str(item.get("ChannelSensitivityCorrectionFactor", 1))
    )
    unit = str(units.CodeValue) if units is not None else ""
    of = scale(period, factor, unit, Decimal(str(item.get("ChannelBaseline", 0))))
    meaning = str(coding.get("display") or item.get("ChannelLabel", "") or coding.get("code", ""))
    name = meaning.removeprefix("Lead ").split(" (")[0].strip()
    return lead(
        name, (None if one == padding else one for one in samples), of, coding.get("code"), coding.get("system")
    )
