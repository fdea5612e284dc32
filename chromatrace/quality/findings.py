"""When an inspector's answer contradicts itself."""

from __future__ import annotations

from chromatrace.domain.errors import InvalidInput


def check_finding(passed: bool, defects: int, sample_size: int, *, measured_misfit: bool = False) -> None:
    """Check that a state agrees with the number of units out of limits. Raises `InvalidInput` naming the field.

    passed           whether the state means that the product passed
    defects          units out of limits among the `sample_size` measured units
    measured_misfit  whether a measured value is outside its tolerance
    """
    if defects < 0:
        raise InvalidInput(f"defects is {defects}; it must be at least 0", field="defects")
    if defects > sample_size:
        raise InvalidInput(
            f"{defects} units are out of limits, but {sample_size} were measured",
            field="defects",
            hint=f"give a number from 0 to {sample_size}",
        )
    if passed and defects and defects == sample_size:
        raise InvalidInput(
            f"the answer is that the product passed, but all {sample_size} measured units are out of limits",
            field="defects",
            hint="correct the number of units or the answer",
        )
    if measured_misfit and not defects and sample_size:
        raise InvalidInput(
            "a measured value is outside its tolerance, but the number of units out of limits is 0",
            field="defects",
            hint="correct the value, or give at least 1 unit",
        )
