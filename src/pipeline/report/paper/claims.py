"""What the paper claims, as statements about pairs of networks.

    Claim("6.2", "ResNet18: each step of sparsity worsens accuracy and AUSE",
          "sparsity", (RESNET, STEP), {"accuracy": FALLS, "ause": RISES})

reads: take two networks that differ in the sparsity alone, both a ResNet18, the second a step
sparser than the first; from the first to the second the accuracy falls and the AUSE rises.
`verdicts` counts how many such pairs there are, and how many do so. What the paper
says of CIFAR-100 is asked of any data set but ImageNet. That something "can" or "may" happen is no
claim here; nor that they are "comparable", which says of no amount how much it is.

Exceptions that the paper itself makes belong to a claim. Where it does not say how it compares, a
claim marked as `ours` is one reading of several.
"""

from dataclasses import dataclass

FALLS, RISES, STAYS = "falls", "rises", "stays"

# Conditions on pairs. What both networks share goes by its name, what may differ ends in _a for
# the first and in _b for the second.
RESNET = "dataset != 'imagenet' and architecture == 'resnet18'"
VGG = "dataset != 'imagenet' and architecture == 'vgg19'"
IMAGENET = "dataset == 'imagenet'"
MSP, SAMPLED = "uncertainty == 'msp'", "uncertainty in ('ensemble', 'mc_dropout')"
ENSEMBLE, DROPOUT = "uncertainty == 'ensemble'", "uncertainty == 'mc_dropout'"
RESREP, DIRECT = "pruner == 'resrep'", "pruner != 'resrep'"
STEP, PRUNING = "step_b == step_a + 1", "step_a == 0 and step_b > 0"
# Of networks that stand for all sparsities of their pruner, of which there are several.
OVERALL = "last_a and last_b and step_b > 1"
PRUNERS = "sparsity > 0 and pruner_a < pruner_b"
DIRECT_PRUNERS = f"{PRUNERS} and pruner_a != 'resrep' and pruner_b != 'resrep'"
TO_RESREP = "sparsity > 0 and pruner_a != 'resrep' and pruner_b == 'resrep'"
FROM_MSP = "uncertainty_a == 'msp' and uncertainty_b in ('ensemble', 'mc_dropout')"
TO_ENSEMBLE = "uncertainty_a in ('msp', 'mc_dropout') and uncertainty_b == 'ensemble'"
TO_DROPOUT = "uncertainty_a in ('msp', 'ensemble') and uncertainty_b == 'mc_dropout'"
MSP_ENSEMBLE_DROPOUT = (
    "(uncertainty_a == 'msp' and uncertainty_b == 'ensemble') or "
    "(uncertainty_a == 'ensemble' and uncertainty_b == 'mc_dropout')"
)


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper as a statement about pairs of networks.

    Attributes:
        section: Where the paper says it.
        text: What it says.
        between: The keys in which the networks of a pair may differ; they share the others.
        where: Conditions on a pair.
        expected: What each metric does from the first network to the second: it falls, it rises,
            or it stays, that is, differs by less than pruning has changed it, on average over the
            pruners at the sparsities of both. ``ause_change`` is by how much pruning has changed
            the AUSE, ``ause_ratio`` how many times, in either direction, and ``ause_range`` how far
            apart a pruner's sparsities are; and so for the other metrics.
        ours: Whether how it is compared is our reading, and not said in the paper.
    """

    section: str
    text: str
    between: str
    where: tuple[str, ...]
    expected: dict[str, str]
    ours: bool = False


CLAIMS = (
    Claim("6.2", "ResNet18: each step of sparsity worsens accuracy and AUSE",
          "sparsity", (RESNET, STEP), {"accuracy": FALLS, "ause": RISES}),
    Claim("6.2", "ResNet18: pruners other than ResRep change accuracy and AUSE alike",
          "pruner", (RESNET, DIRECT_PRUNERS), {"accuracy": STAYS, "ause": STAYS}),
    Claim("6.2", "ResNet18, MSP: up to sparsity 0.4 ResRep changes accuracy and AUSE as others do",
          "pruner", (RESNET, MSP, TO_RESREP, "sparsity <= 0.4"),
          {"accuracy": STAYS, "ause": STAYS}),
    Claim("6.2", "ResNet18, MSP: from sparsity 0.6 on ResRep's accuracy and AUSE are worse",
          "pruner", (RESNET, MSP, TO_RESREP, "sparsity >= 0.6"),
          {"accuracy": FALLS, "ause": RISES}),
    Claim("6.2", "ResNet18, ensemble and MC dropout: ResRep's AUSE is worse than the others'",
          "pruner", (RESNET, SAMPLED, TO_RESREP), {"ause": RISES}),
    Claim("6.2", "ResNet18: at sparsity 0.8 ResRep's accuracy is lower than the others'",
          "pruner", (RESNET, TO_RESREP, "sparsity == 0.8"), {"accuracy": FALLS}),
    Claim("6.2", "ResNet18: pruners other than ResRep change the ECE alike",
          "pruner", (RESNET, DIRECT_PRUNERS), {"ece": STAYS}),
    Claim("6.2", "ResNet18, MSP: each step of sparsity up to 0.6 worsens the ECE",
          "sparsity", (RESNET, MSP, STEP, "sparsity_b <= 0.6"), {"ece": RISES}),
    Claim("6.2", "ResNet18, MSP: the last step, to sparsity 0.8, improves the ECE",
          "sparsity", (RESNET, MSP, STEP, "sparsity_b == 0.8"), {"ece": FALLS}),
    Claim("6.2", "ResNet18, ensemble and MC dropout: each step of sparsity worsens the ECE",
          "sparsity", (RESNET, SAMPLED, STEP), {"ece": RISES}),
    Claim("6.2", "VGG19, except ResRep: each step of sparsity worsens the accuracy",
          "sparsity", (VGG, DIRECT, STEP), {"accuracy": FALLS}),
    Claim("6.2", "VGG19, except ResRep and MSP: each step of sparsity worsens the AUSE",
          "sparsity", (VGG, DIRECT, SAMPLED, STEP), {"ause": RISES}),
    Claim("6.2", "MSP: the AUSE of VGG19 is higher than that of ResNet18",
          "architecture", (MSP, "architecture_a == 'resnet18' and architecture_b == 'vgg19'"),
          {"ause": RISES}),
    Claim("6.2", "Ensemble and MC dropout: the AUSE of the unpruned VGG19 is lower than ResNet18's",
          "architecture",
          (SAMPLED, "sparsity == 0 and architecture_a == 'resnet18' and architecture_b == 'vgg19'"),
          {"ause": FALLS}),
    Claim("6.2, 7", "VGG19, MSP: pruning up to sparsity 0.6 improves the AUSE",
          "sparsity", (VGG, MSP, PRUNING, "sparsity_b <= 0.6"), {"ause": FALLS}),
    Claim("6.2", "VGG19, MSP: pruning to sparsity 0.8 worsens the AUSE",
          "sparsity", (VGG, MSP, PRUNING, "sparsity_b == 0.8"), {"ause": RISES}),
    Claim("6.2", "VGG19: ResRep's first step of sparsity worsens accuracy and AUSE",
          "sparsity", (VGG, RESREP, "step_a == 0 and step_b == 1"),
          {"accuracy": FALLS, "ause": RISES}),
    Claim("6.2", "VGG19: ResRep's further steps leave accuracy and AUSE where they are",
          "sparsity", (VGG, RESREP, "step_a == 1 and step_b > 1"),
          {"accuracy": STAYS, "ause": STAYS}),
    Claim("6.2", "VGG19: pruners other than ResRep change the ECE alike",
          "pruner", (VGG, DIRECT_PRUNERS), {"ece": STAYS}),
    Claim("6.2", "VGG19, MSP, pruners other than ResRep: each step of sparsity improves the ECE",
          "sparsity", (VGG, MSP, DIRECT, STEP), {"ece": FALLS}),
    Claim("6.2", "VGG19, ensemble and MC dropout, likewise: each step of sparsity worsens the ECE",
          "sparsity", (VGG, SAMPLED, DIRECT, STEP), {"ece": RISES}),
    Claim("6.2", "VGG19: ResRep's ECE is more constant over the sparsities than the others'",
          "pruner", (VGG, TO_RESREP, OVERALL), {"ece_range": FALLS}),
    Claim("6.2", "ImageNet, except ResRep's ensemble at 0.2: each step worsens accuracy and AUSE",
          "sparsity", (IMAGENET, STEP, f"not ({ENSEMBLE} and {RESREP} and sparsity_b == 0.2)"),
          {"accuracy": FALLS, "ause": RISES}),
    Claim("6.2", "ResNet18: the AUSE is higher on ImageNet than on CIFAR-100",
          "dataset", ("dataset_a == 'cifar100' and dataset_b == 'imagenet'",), {"ause": RISES}),
    Claim("6.2", "ImageNet: the higher the accuracy, the better the AUSE",
          "pruner sparsity", (IMAGENET, "accuracy_a < accuracy_b"), {"ause": FALLS}),
    Claim("6.2", "ImageNet: pruners other than ResRep change accuracy and AUSE alike",
          "pruner", (IMAGENET, DIRECT_PRUNERS), {"accuracy": STAYS, "ause": STAYS}),
    Claim("6.2", "ImageNet: ResRep's accuracy and AUSE are better than the others'",
          "pruner", (IMAGENET, TO_RESREP), {"accuracy": RISES, "ause": FALLS}),
    Claim("6.2", "ImageNet, ensemble: ResRep at sparsity 0.2 beats the unpruned network",
          "sparsity", (IMAGENET, ENSEMBLE, RESREP, PRUNING, "sparsity_b == 0.2"),
          {"accuracy": RISES, "ause": FALLS}),
    Claim("6.2", "ImageNet: each step of sparsity worsens the ECE",
          "sparsity", (IMAGENET, STEP), {"ece": RISES}),
    Claim("6.2", "ImageNet: ResRep's ECE is better than the others'",
          "pruner", (IMAGENET, TO_RESREP), {"ece": FALLS}),
    Claim("7", "Pruning worsens the accuracy",
          "sparsity", (PRUNING,), {"accuracy": FALLS}),
    Claim("7", "Pruning worsens the AUSE, except that of VGG19 with MSP up to sparsity 0.6",
          "sparsity", (PRUNING, f"not (({VGG}) and {MSP} and sparsity_b <= 0.6)"),
          {"ause": RISES}),
    Claim("7", "Pruning worsens the ECE, except with MSP",
          "sparsity", (PRUNING, SAMPLED), {"ece": RISES}),
    Claim("7", "All pruners change AUSE and ECE alike",
          "pruner", (PRUNERS,), {"ause": STAYS, "ece": STAYS}),
    Claim("7", "Of two pruners, that with the higher accuracy has the better AUSE and ECE",
          "pruner", ("sparsity > 0 and accuracy_a < accuracy_b",), {"ause": FALLS, "ece": FALLS}),
    Claim("7", "Pruning changes the AUSE of MSP less than that of ensemble and MC dropout",
          "uncertainty", ("sparsity > 0", FROM_MSP), {"ause_change": RISES}),
    Claim("7", "The same, if changes are counted as shares of the unpruned network's AUSE",
          "uncertainty", ("sparsity > 0", FROM_MSP), {"ause_ratio": RISES}, ours=True),
    Claim("7", "Pruning changes the ECE of MSP less than that of ensemble and MC dropout",
          "uncertainty", ("sparsity > 0", FROM_MSP), {"ece_change": RISES}),
    Claim("C", "ResNet18: ResRep leaves more parameters than the others",
          "pruner", (RESNET, MSP, TO_RESREP), {"parameters": RISES}),
    Claim("C", "VGG19: ResRep leaves more parameters than the others",
          "pruner", (VGG, MSP, TO_RESREP), {"parameters": RISES}),
    Claim("E", "ResNet18: the accuracies of MSP and MC dropout are alike",
          "uncertainty", (RESNET, "sparsity > 0", FROM_MSP, TO_DROPOUT), {"accuracy": STAYS}),
    Claim("E", "ResNet18: the ensemble's accuracy is higher than that of MSP and MC dropout",
          "uncertainty", (RESNET, TO_ENSEMBLE), {"accuracy": RISES}),
    Claim("E", "ResNet18: the AUSE of MSP is best, then that of the ensemble, then MC dropout's",
          "uncertainty", (RESNET, MSP_ENSEMBLE_DROPOUT), {"ause": RISES}),
    Claim("E", "VGG19 likewise: the ensemble's accuracy is higher",
          "uncertainty", (VGG, TO_ENSEMBLE), {"accuracy": RISES}),
    Claim("E", "VGG19 likewise: the AUSE of MSP is best, then the ensemble's, then MC dropout's",
          "uncertainty", (VGG, MSP_ENSEMBLE_DROPOUT), {"ause": RISES}),
    Claim("E", "ResNet18, MSP: pruning worsens the ECE",
          "sparsity", (RESNET, MSP, PRUNING), {"ece": RISES}),
    Claim("E", "VGG19, MSP: pruning improves the ECE",
          "sparsity", (VGG, MSP, PRUNING), {"ece": FALLS}),
    Claim("F", "ImageNet: at sparsity 0.6 the accuracy of MC dropout is lowest",
          "uncertainty", (IMAGENET, TO_DROPOUT, "sparsity == 0.6"), {"accuracy": FALLS}),
    Claim("F", "ImageNet: the ECE of MC dropout is worst",
          "uncertainty", (IMAGENET, TO_DROPOUT), {"ece": RISES}),
    Claim("F", "ImageNet: AUSE and ECE of MSP are best",
          "uncertainty", (IMAGENET, FROM_MSP), {"ause": RISES, "ece": RISES}),
    Claim("F", "ImageNet, MC dropout, BN: each step of sparsity improves the ECE",
          "sparsity", (IMAGENET, DROPOUT, "pruner == 'batchnorm'", STEP), {"ece": FALLS}),
)  # fmt: skip
