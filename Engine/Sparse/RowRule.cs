namespace Prisma.Engine;

/// <summary>How rows of parameters follow their gradients.</summary>
internal enum RowRuleKind
{
    /// <summary>Adam; decay joins the gradient.</summary>
    Adam,

    /// <summary>Adam with decoupled decay.</summary>
    DecoupledAdam,

    /// <summary>The sign of the momentum; decay joins the gradient.</summary>
    Sign,
}

/// <summary>One step's rule: projection, clipping, the rule itself, unit length, in this order.</summary>
internal sealed record RowRule
{
    /// <summary>The rule.</summary>
    internal RowRuleKind Kind { get; init; }

    /// <summary>Step size.</summary>
    internal required double Rate { get; init; }

    /// <summary>Decay of the mean.</summary>
    internal double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the mean square.</summary>
    internal double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the root of the mean square.</summary>
    internal double Epsilon { get; init; } = 1e-8;

    /// <summary>Weight decay.</summary>
    internal double Decay { get; init; }

    /// <summary>Which step this is, from 1: for the corrections of both means.</summary>
    internal required long Step { get; init; }

    /// <summary>What the gradient is multiplied by.</summary>
    internal double Clip { get; init; } = 1;

    /// <summary>Removes (g·ŵ)ŵ with ŵ = w / (‖w‖ + this) from the gradient; null leaves it.</summary>
    internal double? Project { get; init; }

    /// <summary>Divides rows by ‖w‖ + this after the step; null leaves them.</summary>
    internal double? Unit { get; init; }

    /// <summary>1 − β1ᵗ.</summary>
    internal double Correction1 => 1 - Math.Pow(Beta1, Step);

    /// <summary>1 − β2ᵗ.</summary>
    internal double Correction2 => 1 - Math.Pow(Beta2, Step);
}
