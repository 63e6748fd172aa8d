using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>A baseline: a bell over the middle of the picture, σ = a quarter of each side. Photographers put things in the middle.</summary>
public sealed class CentreGaussian : AttributionMethod
{
    /// <inheritdoc/>
    public override string Name => "centre";

    /// <inheritdoc/>
    public override string Summary => "baseline: a Gaussian over the picture's centre";

    /// <inheritdoc/>
    public override string Meaning => "nothing: closeness to the picture's centre";

    /// <inheritdoc/>
    public override bool Signed => false;

    /// <inheritdoc/>
    public override bool UsesTarget => false;

    /// <inheritdoc/>
    public override bool IsBaseline => true;

    /// <inheritdoc/>
    protected override Finding Compute(AttributionTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var layout = task.Layout;
        var values = new float[layout.Tokens];
        for (var token = 0; token < values.Length; token++)
            if (layout.PlaceOf(token) is { } place)
                values[token] = (float)Math.Exp(-8 * (Square((place.Row + 0.5) / layout.Rows - 0.5) + Square((place.Column + 0.5) / layout.Columns - 0.5)));
        return new Finding(tensor(values).unsqueeze(0).expand(task.Examples, values.Length), FindingKind.PerToken, "nowhere") { Forwards = 0 };
    }

    private static double Square(double x) => x * x;
}
