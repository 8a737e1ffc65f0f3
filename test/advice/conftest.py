"""The packaged rules, loaded once."""

from __future__ import annotations

import pytest

from surgical_guidance.advice.rules import RuleTable, load
from surgical_guidance.advice.synthesiser import Synthesiser


@pytest.fixture(scope='session')
def table() -> RuleTable:
    return load()


@pytest.fixture
def synthesiser(table: RuleTable) -> Synthesiser:
    return Synthesiser(table)
