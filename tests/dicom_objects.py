"""DICOM objects that a test makes itself (PS3.10): images, structured reports, ECG waveforms; no pixel of a person."""

from __future__ import annotations

import io
import struct
from typing import Any

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    BasicTextSRStorage,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    TwelveLeadECGWaveformStorage,
)

ROOT = "1.2.826.0.1.3680043.8.498"
LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


def written(dataset: Dataset, sop_class: str, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """The file of a data set."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    whole = FileDataset(None, dataset, file_meta=meta, preamble=b"\0" * 128)
    stream = io.BytesIO()
    whole.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def header(study: int = 1, series: int = 1, instance: int = 1, **elements: Any) -> Dataset:
    """What every object says; ``elements`` by keyword, None leaves one out."""
    made: dict[str, Any] = {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPInstanceUID": f"{ROOT}.{study}.{series}.{instance}",
        "StudyInstanceUID": f"{ROOT}.{study}",
        "SeriesInstanceUID": f"{ROOT}.{study}.{series}",
        "StudyDate": "20250301",
        "StudyTime": "083000",
        "AccessionNumber": "A1",
        "Modality": "CT",
        "StudyDescription": "颅脑CT平扫",
        "PatientName": "王小东",
        "PatientID": "P1",
        "PatientBirthDate": "19600102",
        "PatientSex": "M",
        "SeriesNumber": series,
        "InstanceNumber": instance,
    }
    dataset = Dataset()
    for name, value in (made | elements).items():
        if value is not None:
            setattr(dataset, name, value)
    return dataset


def image(
    study: int = 1, series: int = 1, instance: int = 1, *, syntax: str = ExplicitVRLittleEndian, **elements: Any
) -> bytes:
    """A CT slice of 4 x 4 pixels."""
    dataset = header(study, series, instance, **elements)
    dataset.Rows = dataset.Columns = 4
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = bytes(16)
    return written(dataset, CTImageStorage, syntax)


def deflated(**elements: Any) -> bytes:
    """The same, compressed as a whole."""
    return image(syntax=DeflatedExplicitVRLittleEndian, **elements)


def code(value: str, scheme: str, meaning: str) -> Dataset:
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, scheme, meaning
    return made


def content(kind: str, name: Dataset, **elements: Any) -> Dataset:
    made = Dataset()
    made.RelationshipType, made.ValueType, made.ConceptNameCodeSequence = "CONTAINS", kind, Sequence([name])
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made


def report(**elements: Any) -> bytes:
    """A structured report: findings and impression as text, a diameter as a number, a coded side, in two containers."""
    dataset = header(series=9, Modality="SR", **elements)
    measured = Dataset()
    measured.NumericValue = "12.50"
    measured.MeasurementUnitsCodeSequence = Sequence([code("mm", "UCUM", "millimeter")])
    findings = content("CONTAINER", code("121070", "DCM", "Findings"), ContinuityOfContent="SEPARATE")
    findings.ContentSequence = Sequence(
        [
            content("TEXT", code("121071", "DCM", "Finding"), TextValue="左侧基底节区见片状低密度影。"),
            content("NUM", code("M-02550", "SRT", "Diameter"), MeasuredValueSequence=Sequence([measured])),
        ]
    )
    impression = content("CONTAINER", code("121076", "DCM", "Conclusions"), ContinuityOfContent="SEPARATE")
    impression.ContentSequence = Sequence(
        [content("TEXT", code("121077", "DCM", "Conclusion"), TextValue="左侧基底节区脑梗死")]
    )
    dataset.ValueType, dataset.ContinuityOfContent = "CONTAINER", "SEPARATE"
    dataset.ConceptNameCodeSequence = Sequence([code("18748-4", "LN", "Diagnostic Imaging Report")])
    dataset.CompletionFlag, dataset.VerificationFlag = "COMPLETE", "VERIFIED"
    dataset.ContentDate, dataset.ContentTime = "20250301", "091500"
    dataset.ContentSequence = Sequence([findings, impression])
    return written(dataset, BasicTextSRStorage)


def ecg(samples: int = 250, **elements: Any) -> bytes:
    """A 12-lead waveform: 250 Hz, 5 microvolt a step; sample n of lead k is n + k."""
    dataset = header(series=5, Modality="ECG", StudyDescription="心电图", **elements)
    group = Dataset()
    group.WaveformOriginality, group.MultiplexGroupLabel = "ORIGINAL", "RHYTHM"
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples, group.SamplingFrequency = 12, samples, "250"
    group.WaveformBitsAllocated, group.WaveformSampleInterpretation = 16, "SS"
    group.ChannelDefinitionSequence = Sequence([channel(place, name) for place, name in enumerate(LEADS, 1)])
    steps = [moment + lead for moment in range(samples) for lead in range(12)]
    group.WaveformData = struct.pack(f"<{len(steps)}h", *steps)
    group["WaveformData"].VR = "OW"
    dataset.AcquisitionDateTime = "20250301083000.000"
    dataset.WaveformSequence = Sequence([group])
    return written(dataset, TwelveLeadECGWaveformStorage)


def channel(place: int, name: str) -> Dataset:
    made = Dataset()
    made.ChannelSourceSequence = Sequence([code(f"2:{place}", "MDC", f"Lead {name}")])
    made.ChannelSensitivity, made.ChannelSensitivityCorrectionFactor, made.ChannelBaseline = "5", "1", "0"
    made.ChannelSensitivityUnitsSequence = Sequence([code("uV", "UCUM", "microvolt")])
    made.WaveformBitsStored = 16
    return made
