"""From scores to a smaller network.

coupling       which channels go together
options        how much is to go, and from which layers
shares         how many channels each group loses
selection      which go
surgery        cutting them out
recalibration  measuring batch norms anew, where that is wanted
gradients      what criteria that ask for the loss need
"""
