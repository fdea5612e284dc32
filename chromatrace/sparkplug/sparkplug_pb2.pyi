from typing import Any

Metric: Any
Payload: Any
PropertySet: Any
PropertyValue: Any
