"""From scores to a smaller network.

layers         which layers have channels, and how they are cut out
labels         what operations do to labels of channels
tracing        where each channel goes
coupling       which channels go together
options        how much is to go, and from which layers
shares         how many channels each group loses
selection      which go
blocks         channels of which equally many must stay in each part
surgery        cutting them out
check          whether a cut is what it says
masking        the original that a cut is compared with
recalibration  measuring batch norms anew, where that is wanted
gradients      what criteria that ask for the loss need
"""
