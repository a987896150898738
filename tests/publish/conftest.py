"""Publishing is tested apart from the expectations: `pass_gate` writes a verdict by hand."""

from tests.verdicts import pass_gate  # noqa: F401 -- a fixture
