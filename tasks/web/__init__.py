"""Whatever may be away for a while: patience with an end, what its answers and failures come down to, task retries."""
