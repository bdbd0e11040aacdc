from pipeline.report.origins import summed


def test_stages_come_in_the_order_of_the_chain() -> None:
    records = [("score", {"wall_seconds": 2.0}), ("data", {}), ("score", {}), ("check", {})]
    found = summed(records, {}).stages
    assert [(each["stage"], each["artifacts"], each["known"]) for each in found] == [
        ("data", 1, 0),
        ("check", 1, 0),
        ("score", 2, 1),
    ]
