using Prisma.Core;

namespace Prisma.Sae;

/// <summary>What a coder is: its mathematics, its sizes, the places it reads and writes, and where it comes from.</summary>
public sealed record CoderCard
{
    /// <summary>The mathematics: <c>standard</c>, <c>topk</c>, <c>batchtopk</c>, <c>jumprelu</c>, <c>gated</c>, <c>groupmax</c>, …</summary>
    public required string Architecture { get; init; }

    /// <summary>Width of what it reads, d_in.</summary>
    public required int Inputs { get; init; }

    /// <summary>Number of features, d_sae.</summary>
    public required int Features { get; init; }

    /// <summary>Width of what it predicts, d_out.</summary>
    public required int Outputs { get; init; }

    /// <summary>The places it reads; empty where the file does not say, or names a place that is not known here.</summary>
    public IReadOnlyList<HookSite> Reads { get; init; } = [];

    /// <summary>The places it predicts: those it reads, for an autoencoder.</summary>
    public IReadOnlyList<HookSite> Writes { get; init; } = [];

    /// <summary>Whether activations [..., heads, d_head] are flattened to d_in; so at <c>attn.hook_z</c>, or where the file says so.</summary>
    public bool FlattensHeads
    {
        get => field || Reads.Any(site => site.Kind == Site.Z);
        init;
    }

    /// <summary>How many places of the same width a crosscoder reads and writes together: activations are [..., sites, d] with sites·d = d_in. 1 for others.</summary>
    public int Sites { get; init; } = 1;

    /// <summary>What each feature usually does, where the file tells: the unit of intervention strength. Not part of the arithmetic.</summary>
    public FeatureStatistics? Statistics { get; init; }

    /// <summary>Where it comes from.</summary>
    public Provenance Origin { get; init; } = new();

    /// <summary>A name for messages.</summary>
    public string Name => Origin.Path.Length > 0 ? $"'{Origin.Path}'" : $"the {Architecture} coder";
}
