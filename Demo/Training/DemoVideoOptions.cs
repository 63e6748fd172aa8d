namespace Prisma.Demo;

/// <summary>How the demo's video transformer is built and trained. The defaults are the committed weights' recipe.</summary>
public sealed record DemoVideoOptions
{
    /// <summary>Width of the residual stream; a multiple of <see cref="Heads"/>.</summary>
    public int Width { get; init; } = 64;

    /// <summary>Number of blocks.</summary>
    public int Layers { get; init; } = 4;

    /// <summary>Attention heads per block.</summary>
    public int Heads { get; init; } = 4;

    /// <summary>Hidden width of the MLPs.</summary>
    public int Hidden { get; init; } = 128;

    /// <summary>Pixels per side of a patch; divides <see cref="MotionBatch.Side"/>.</summary>
    public int Patch { get; init; } = 8;

    /// <summary>Frames of a tubelet; divides <see cref="MotionClip.Frames"/>.</summary>
    public int Tubelet { get; init; } = 2;

    /// <summary>Steps of the optimiser. Every step sees new clips.</summary>
    public int Steps { get; init; } = 1500;

    /// <summary>Clips per step.</summary>
    public int BatchSize { get; init; } = 32;

    /// <summary>The highest learning rate of the blocks' matrices (Muon).</summary>
    public double MatrixLearningRate { get; init; } = 0.02;

    /// <summary>The highest learning rate of all other weights (AdamW).</summary>
    public double LearningRate { get; init; } = 2e-3;

    /// <summary>Steps in which the learning rates rise from zero.</summary>
    public int WarmUp { get; init; } = 50;

    /// <summary>Decay of the blocks' matrices.</summary>
    public double WeightDecay { get; init; } = 0.05;

    /// <summary>The norm to which longer gradients are cut.</summary>
    public double GradientNorm { get; init; } = 1;

    /// <summary>Seed of the initial weights.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>Parts into which a batch is split, one thread each; part of the recipe.</summary>
    public int Shards { get; init; } = 1;

    /// <summary>Held-out clips on which the accuracy is measured at the end.</summary>
    public int HeldOut { get; init; } = 1000;

    internal TrainingRecipe Recipe => new()
    {
        Steps = Steps,
        BatchSize = BatchSize,
        Shards = Shards,
        WarmUp = WarmUp,
        MatrixLearningRate = MatrixLearningRate,
        LearningRate = LearningRate,
        WeightDecay = WeightDecay,
        GradientNorm = GradientNorm,
    };

    /// <summary>Reports every fault at once.</summary>
    /// <exception cref="Core.OptionsException">Some option is out of range or does not fit another.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (Layers < 1 || Steps < 1 || BatchSize < 1 || HeldOut < 1) faults.Add("Layers, Steps, BatchSize and HeldOut are at least 1");
        if (Heads < 1 || Width < Heads || Width % Heads != 0) faults.Add($"Width {Width} is a multiple of Heads {Heads}");
        if (Patch < 1 || MotionBatch.Side % Patch != 0) faults.Add($"Patch {Patch} divides {MotionBatch.Side}");
        if (Tubelet < 1 || MotionClip.Frames % Tubelet != 0) faults.Add($"Tubelet {Tubelet} divides {MotionClip.Frames}");
        if (Shards < 1 || BatchSize % Shards != 0) faults.Add($"Shards {Shards} divides BatchSize {BatchSize}");
        if (WarmUp < 0 || LearningRate <= 0 || MatrixLearningRate <= 0 || WeightDecay < 0 || GradientNorm <= 0)
            faults.Add("The learning rates and GradientNorm are above 0; WarmUp and WeightDecay are not below");
        if (faults.Count > 0) throw new Core.OptionsException($"The demo video transformer's options do not hold: {string.Join("; ", faults)}.");
    }
}
