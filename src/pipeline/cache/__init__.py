"""What is made from what, and where it lies.

specs          the complete recipe of each artifact, and its fingerprint
code_identity  which code computed it
paths          where it lies
files          files that are complete or not there
payloads       networks, data sets and predictions as files
manifests      what a finished artifact is
lineage        whether it was made from what is there now
"""
