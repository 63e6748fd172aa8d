namespace Prisma.Sae;

/// <summary>Options of bias adaptation.</summary>
public sealed record BiasAdaptationOptions : TrainedOptions
{
    /// <summary>Rows are brought to one length, and nothing is subtracted from them.</summary>
    public BiasAdaptationOptions()
    {
        InputNorm = InputNorm.ConstantNorm;
        InputBias = BiasUse.None;
        Start = new StartOptions { Bias = StartBias.Zero };
    }

    /// <summary>Groups of equally many features with targets of their own; 1 is bias adaptation without groups.</summary>
    public int Groups { get; init; } = 10;

    /// <summary>The share of rows on which features of the first group may fire.</summary>
    public double Highest { get; init; } = 0.1;

    /// <summary>The share for the last group; those between lie at equal ratios.</summary>
    public double Lowest { get; init; } = 0.001;

    /// <summary>γ₋: by which share of its largest activation the bias of a feature falls that fires too often.</summary>
    public double Lowers { get; init; } = 0.01;

    /// <summary>γ₊: by which share of its group's mean largest activation the bias of a silent feature rises.</summary>
    public double Raises { get; init; } = 0.01;

    /// <summary>A feature that fires on fewer rows counts as silent.</summary>
    public double Silent { get; init; } = 1e-6;

    /// <summary>Steps that are looked at before biases move.</summary>
    public int Every { get; init; } = 50;

    /// <summary>Whether the bias only decides whether a feature fires, and its value is the product itself.</summary>
    public bool Jumps { get; init; }

    /// <summary>Whether decoder rows are encoder rows times a learned scale; otherwise they are learned apart.</summary>
    public bool TiesDecoder { get; init; } = true;

    /// <inheritdoc/>
    public override void Validate(CoderShape shape, IList<string> faults)
    {
        base.Validate(shape, faults);
        if (Groups < 1 || Groups > shape.Features) faults.Add($"groups = {Groups} must be between 1 and the number of features, {shape.Features}");
        if (!(Lowest > 0 && Lowest <= Highest && Highest <= 1)) faults.Add($"lowest = {Lowest} and highest = {Highest} must rise within (0, 1]");
        if (!(Lowers > 0 && Raises > 0)) faults.Add($"lowers = {Lowers} and raises = {Raises} must be above 0");
        if (!(Silent >= 0)) faults.Add($"silent = {Silent} must not be negative");
        if (Every < 1) faults.Add($"every = {Every} must be at least 1");
        if (TiesDecoder && shape.Width != shape.OutputWidth) faults.Add("ties_decoder needs equal widths in and out");
        if (Skip) faults.Add("skip is not built for bias adaptation");
    }

    /// <summary>The target of each feature: [F].</summary>
    internal float[] Targets(int features) => [.. Enumerable.Range(0, features).Select(feature =>
    {
        var group = Group(feature, features);
        return (float)(Groups == 1 ? Highest : Highest * Math.Pow(Lowest / Highest, group / (double)(Groups - 1)));
    })];

    /// <summary>The group of a feature.</summary>
    internal int Group(int feature, int features) => (int)((long)feature * Groups / features);
}
