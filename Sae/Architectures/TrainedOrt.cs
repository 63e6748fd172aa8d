using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Options of the OrtSAE architecture.</summary>
public sealed record OrtOptions : SelectiveOptions
{
    /// <summary>Weight of the penalty on the largest cosines.</summary>
    public double Orthogonality { get; init; } = 0.25;

    /// <summary>Features compared with each other; chunks keep the cost linear in the number of features.</summary>
    public int ChunkFeatures { get; init; } = 8192;

    /// <summary>Steps between two formations of the penalty.</summary>
    public int Every { get; init; } = 5;

    /// <inheritdoc/>
    public override void Validate(CoderShape shape, IList<string> faults)
    {
        base.Validate(shape, faults);
        if (!(Orthogonality >= 0)) faults.Add($"orthogonality = {Orthogonality} must not be negative");
        if (ChunkFeatures < 2) faults.Add($"chunk_features = {ChunkFeatures} must be at least 2");
        if (Every < 1) faults.Add($"every = {Every} must be at least 1");
    }
}

/// <summary>
/// BatchTopK whose decoder rows are kept apart: mean over features of the squared largest cosine with another feature of the same random chunk.
/// "OrtSAE: Orthogonal Sparse Autoencoders Uncover Atomic Features" (Korznikov et al. 2025).
/// </summary>
[TrainedArchitecture("ort")]
public sealed class TrainedOrt(CoderShape shape, OrtOptions options, long seed) : BatchwiseCoder(shape, options, seed)
{
    /// <summary>The penalty with all features in one random order cut into chunks: a scalar, differentiable.</summary>
    internal static Tensor Penalty(Tensor decoder, int chunkFeatures, ulong seed)
    {
        var features = decoder.shape[0];
        using var generator = new Generator(seed);
        var unit = nn.functional.normalize(decoder).index_select(0, randperm(features, generator: generator));
        var chunks = (features + chunkFeatures - 1) / chunkFeatures;
        Tensor? sum = null;
        foreach (var rows in unit.chunk(chunks))
        {
            var others = eye(rows.shape[0]).gt(0);
            var largest = rows.matmul(rows.t()).masked_fill(others, -1).amax(1).clamp_min(-1).square().sum();
            sum = sum is null ? largest : sum + largest;
        }
        return sum! / features;
    }

    private protected override IEnumerable<LossTerm> Terms(SelectiveForward forward, TrainRows batch, StepInfo step)
    {
        foreach (var term in base.Terms(forward, batch, step)) yield return term;
        if (step.Step % options.Every == 0) yield return new LossTerm("orthogonality", Penalty(Decoder, options.ChunkFeatures, step.Seed), options.Orthogonality);
    }
}
