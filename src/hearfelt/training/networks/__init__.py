"""Any trunk of `hearfelt.models.networks` on any tasks: recipe, targets, lesson, scores, run, export."""
