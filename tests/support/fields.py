"""What every field is asked: to read a value, or what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import TextChoices
from rest_framework.exceptions import ValidationError

from iocash.http import problems
from iocash.http.parsing import Number

ID = "01980000-0000-7000-8000-000000000001"
OTHER_TYPES: list[Any] = [Number("1"), Number("1.5"), True, False, [], {}, ["a"], {"a": "b"}]


class Kind(TextChoices):
    NATURAL = "NATURAL"
    JURIDICAL = "JURIDICAL"


def read(field: Any, value: Any) -> Any:
    return field.run_validation(value)


def wrong(field: Any, value: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        read(field, value)
    (error,) = problems.flatten(caught.value.detail)
    return error.code
