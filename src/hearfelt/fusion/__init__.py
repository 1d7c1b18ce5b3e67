"""From the evidence of several sources to one estimate: calibrate, weigh, pool, bound, and say why."""
