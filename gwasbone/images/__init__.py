"""DICOM files of bone scans to standard arrays: read or refuse by name, place, frame, cache."""
