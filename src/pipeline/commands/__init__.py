"""The commands of ``python -m pipeline``, a module each.

A command's ``add`` declares its arguments and its ``run`` does it: it prints, and returns the exit
status if that isn't 0. What several of them need is in `common`, whether Snakemake would draw the
study in `planned`, how long jobs take in `estimate`, whether folders of images hold what they
held in `folders`, and an archive's card in `data_card`.
"""
