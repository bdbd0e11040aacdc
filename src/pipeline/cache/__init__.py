"""What is made from what, and where it lies.

specs          what each stage makes and from what, all that others know of a stage
spec, recipe   what all specs share: fingerprint, JSON; and how a network is trained
graph          what an artifact is made from, and what is made from it
code_identity  which code computed it
paths          where it lies
files          files that are complete or not there
payloads       networks, data sets and predictions as files
manifests      what a finished artifact is
lineage        whether it was made from what is there now
"""
