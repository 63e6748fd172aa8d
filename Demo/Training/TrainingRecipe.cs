namespace Prisma.Demo;

/// <summary>What <see cref="ShardedTrainer"/> must know of a model's options.</summary>
internal sealed record TrainingRecipe
{
    /// <summary>Steps of the optimiser.</summary>
    public required int Steps { get; init; }

    /// <summary>Examples per step.</summary>
    public required int BatchSize { get; init; }

    /// <summary>Parts into which a batch is split, one thread each.</summary>
    public required int Shards { get; init; }

    /// <summary>Steps in which the learning rates rise from zero.</summary>
    public required int WarmUp { get; init; }

    /// <summary>The highest learning rate of the blocks' matrices (Muon).</summary>
    public required double MatrixLearningRate { get; init; }

    /// <summary>The highest learning rate of all other weights (AdamW).</summary>
    public required double LearningRate { get; init; }

    /// <summary>Decay of the blocks' matrices.</summary>
    public required double WeightDecay { get; init; }

    /// <summary>The norm to which longer gradients are cut.</summary>
    public required double GradientNorm { get; init; }
}
