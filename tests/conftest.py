"""What all tests share."""

from hypothesis import settings

# The default, 200 ms an example, fails tests on a machine that is busy.
settings.register_profile("invigil", deadline=None)
settings.load_profile("invigil")
