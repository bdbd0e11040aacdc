"""From scores to a smaller network.

coupling       which channels go together
selection      which go
surgery        cutting them out
recalibration  measuring batch norms anew, where that is wanted
"""
