"""DICOM files of bone scans to standard arrays: read or refuse by name, place, frame, cache."""

from gwasbone.public import publish

__all__ = publish(__name__)
