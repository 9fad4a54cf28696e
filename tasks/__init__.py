"""The five steps: acquire, prepare, downscale, validate, publish. They share only the modules at this level."""

import models  # noqa: F401  before torch, whichever task loads it first: see there
