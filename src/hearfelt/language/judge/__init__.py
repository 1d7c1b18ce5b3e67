"""The judge: what is asked, in which ways, at what cost, and what is accepted."""
