"""Read result files of laboratory instruments as figures with the SHA-256 digest of the file.

    result = read_result(Path("bleached.jdx"), ReadOptions())
    result.sha256, result.figures[0].value

`read_result` detects the format; each format has one module. `optical` compares two spectra.
"""

from chromatrace.instruments.reading import ReadOptions, read_result
from chromatrace.instruments.results import Curve, Figure, Result

__all__ = ["Curve", "Figure", "ReadOptions", "Result", "read_result"]
