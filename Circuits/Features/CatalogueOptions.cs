using Prisma.Core;
using Prisma.Sae;

namespace Prisma.Circuits;

/// <summary>How a catalogue of features is gathered.</summary>
public sealed record CatalogueOptions
{
    /// <summary>Pictures kept per feature.</summary>
    public int Examples { get; init; } = 9;

    /// <summary>Pictures at a time.</summary>
    public int Batch { get; init; } = 16;

    /// <summary>After how many pictures what was gathered is saved, so that a stopped run can go on.</summary>
    public int SaveEvery { get; init; } = 2000;

    /// <summary>Places and name checks.</summary>
    public SpliceOptions? Splice { get; init; }

    /// <summary>Reports every fault at once.</summary>
    /// <exception cref="OptionsException">An option is out of range.</exception>
    public void Validate()
    {
        if (Examples is < 1 or > 1000 || Batch < 1 || SaveEvery < 1)
            throw new OptionsException($"A catalogue keeps 1 to 1000 pictures per feature, in batches of at least 1, saved after at least 1; asked for: {Examples}, {Batch}, {SaveEvery}.");
    }
}
