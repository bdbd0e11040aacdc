from support import TINY

from pipeline.cache import paths
from pipeline.cache.specs import Check, Data, Train
from pipeline.running.plan import Plan


def test_a_study_has_a_check_for_each_network_and_data_set() -> None:
    plan = Plan.load(
        {
            **TINY,
            "architectures": [
                {"name": "resnet18", "width": 0.0625},
                {"name": "resnet18", "width": 0.125, "label": "wider"},
            ],
            "pruners": ["l1", {"name": "l1", "label": "all", "scope": "global"}, "resrep"],
            "sparsities": [0.2, 0.6],
            "dropout": 0.3,
        }
    )
    checks = [spec for spec in plan.nodes.values() if isinstance(spec, Check)]
    assert [dict(check.options) for check in checks] == [{"width": 0.0625}, {"width": 0.125}]
    assert {check.place for check in checks} == {"digits/resnet18/cuts"}
    assert checks[0] == Check(
        Data("digits"),
        "resnet18",
        (("width", 0.0625),),
        dropout=0.3,
        pruners=(("l1", (("scope", "global"),)), ("l1", ()), ("resrep", ())),
        sparsity=0.6,
    )


def test_trainings_wait_for_it_but_are_not_made_from_it() -> None:
    plan = Plan.load(TINY)
    for spec in plan.nodes.values():
        waits = plan.inputs(spec)
        if isinstance(spec, Train):
            assert [each.stage for each in waits] == ["data", "check"]
            assert [each.stage for each in spec.reads()] == ["data"]
        else:
            assert waits == spec.reads()
    more = Plan.load({**TINY, "pruners": ["l1", "resrep", "random"]})
    trained = {name for name, spec in plan.nodes.items() if isinstance(spec, Train)}
    assert trained <= more.nodes.keys()
    assert {paths.folder(each) for each in plan.checks.values()}.isdisjoint(more.nodes)
