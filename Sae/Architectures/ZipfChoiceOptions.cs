namespace Prisma.Sae;

/// <summary>Options of mutual choice and feature choice.</summary>
public sealed record ZipfChoiceOptions : SelectiveOptions
{
    /// <summary>Features that fire too seldom take the place of dead ones: AuxK is off.</summary>
    public ZipfChoiceOptions() => Aux = new AuxOptions { Weight = 0 };

    /// <summary>How often features are meant to fire.</summary>
    public ZipfOptions Zipf { get; init; } = new();

    /// <summary>Weight of the loss by which features that fire too seldom learn what is left over.</summary>
    public double AuxZipf { get; init; } = 1.0 / 32;

    /// <inheritdoc/>
    public override void Validate(CoderShape shape, IList<string> faults)
    {
        base.Validate(shape, faults);
        Zipf.Validate(faults);
        if (!(AuxZipf >= 0)) faults.Add($"aux_zipf = {AuxZipf} must not be negative");
    }
}
