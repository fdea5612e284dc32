"""Progress of a sales contract."""

from __future__ import annotations

from dataclasses import dataclass

from chromatrace.domain.ledger_entries import SubjectId
from chromatrace.domain.record_kinds import RecordKind
from chromatrace.index.views.records import RecordView


@dataclass(frozen=True, slots=True)
class StepStatus:
    """One step of a product. `started`: Unix seconds of its first record, None if it has none."""

    kind: RecordKind
    records: int
    started: int | None
    done: bool


@dataclass(frozen=True, slots=True)
class ProductStatus:
    """One product of a contract.

    next_step  the first step that is not done; None if the product is complete
    expected   estimated completion in Unix seconds (actual completion if complete); None if there is no estimate
    """

    subject: SubjectId
    steps: tuple[StepStatus, ...]
    next_step: StepStatus | None
    expected: int | None

    @property
    def complete(self) -> bool:
        """Whether every step is done."""
        return self.next_step is None


@dataclass(frozen=True, slots=True)
class OrderStatus:
    """A contract and its products, in the order of the contract.

    owner                the organisation whose contract it is
    other_organisations  organisations with readable records under the contract's key or about its products; these
                         records do not count
    """

    contract: str
    owner: int
    other_organisations: tuple[int, ...]
    ordered: RecordView
    products: tuple[ProductStatus, ...]

    @property
    def complete(self) -> bool:
        """Whether every product is complete."""
        return all(product.complete for product in self.products)

    @property
    def expected(self) -> int | None:
        """Expected completion of the last product, Unix seconds; None if a product has no estimate."""
        times = [product.expected for product in self.products]
        return None if None in times else max((time for time in times if time is not None), default=None)
