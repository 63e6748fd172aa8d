using Prisma.Core;

namespace Prisma.Sae;

/// <summary>How a coder is put into a model.</summary>
public sealed record SpliceOptions
{
    /// <summary>The coder's error is kept and nothing is edited: the output stays as it is.</summary>
    public static SpliceOptions Default { get; } = new();

    /// <summary>Whether what the coder does not explain stays in the stream; without it the prediction replaces the value.</summary>
    public bool KeepError { get; init; } = true;

    /// <summary>
    /// The value becomes what the edits change by themselves, Δf·W_dec, in place of everything that was there: a feature shown alone. Comes before
    /// <see cref="KeepError"/>.
    /// </summary>
    public bool OnlyEdits { get; init; }

    /// <summary>Changes of features, in order.</summary>
    public IReadOnlyList<FeatureEdit> Edits { get; init; } = [];

    /// <summary>The place to read, where the coder's file does not say or another is meant.</summary>
    public HookSite? Reads { get; init; }

    /// <summary>The place to write, where the coder's file does not say or another is meant.</summary>
    public HookSite? Writes { get; init; }

    /// <summary>Run on a model of another name than the one the coder was trained on.</summary>
    public bool Force { get; init; }
}
