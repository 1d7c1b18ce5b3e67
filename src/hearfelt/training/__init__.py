"""Recipes, the training loop, run folders and publishing (extra ``train``)."""
