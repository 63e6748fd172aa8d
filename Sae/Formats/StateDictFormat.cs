using System.Text.Json;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// A format whose coder is one file of named tensors with a configuration beside, in or around it. A format says which files are its own and
/// how tensors and keys become a coder; reading, and reporting everything that is missing or left over, happens here.
/// </summary>
public abstract class StateDictFormat : CoderFormat
{
    /// <summary>Conventions beside the format's default that <c>--convention</c> may name.</summary>
    private protected virtual IReadOnlyList<string> Conventions => [];

    /// <summary>Names in front of the tensors' own that mean nothing.</summary>
    private protected virtual IReadOnlyList<string> Wrappers => [];

    /// <inheritdoc/>
    public sealed override ICoder Read(CoderCandidate candidate, CoderOptions options)
    {
        ArgumentNullException.ThrowIfNull(candidate);
        ArgumentNullException.ThrowIfNull(options);
        using var scope = NewDisposeScope();
        using var source = TensorSource.Open(candidate.Weights);
        var reading = new CoderReading(candidate, options, source, Configuration(candidate, source), Wrappers);
        OneConvention.Check(candidate.Weights, options, Conventions);
        var make = Build(reading);
        reading.Finish();
        return OneConvention.Check(make(), options);
    }

    /// <summary>The configuration: by default the candidate's file.</summary>
    private protected virtual JsonElement Configuration(CoderCandidate candidate, TensorSource source) =>
        candidate.Config is { } file ? ConfigFile.Read(file) : ConfigFile.Empty;

    /// <summary>Takes every tensor and key that the format has, and says how the coder is made of them.</summary>
    private protected abstract Func<ICoder> Build(CoderReading reading);
}
