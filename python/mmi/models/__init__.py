"""Networks of the systems, to build without a task around them."""

from mmi.models import audeo

__all__ = ["audeo"]
