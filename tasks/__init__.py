"""The five steps: acquire, prepare, downscale, validate, publish. They share only the modules at this level."""
