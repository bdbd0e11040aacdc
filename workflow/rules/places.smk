for target in jobs.places(asked.targets):

    rule:
        """The artifacts of a place that is named as a target."""
        name:
            target
        input:
            unless_misled(jobs.at(target)),
        localrule: True
        message:
            "all at {rule}"
