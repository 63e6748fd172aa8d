namespace Prisma.Demo;

/// <summary>
/// How the demo's vision transformer is built and trained. The defaults are the committed weights' recipe; the same options give the
/// same weights on the same libtorch and processor, whatever the number of threads.
/// </summary>
public sealed record DemoVitOptions
{
    /// <summary>Width of the residual stream; a multiple of <see cref="Heads"/> and of 4 (the position code has four parts).</summary>
    public int Width { get; init; } = 128;

    /// <summary>Number of blocks.</summary>
    public int Layers { get; init; } = 6;

    /// <summary>Attention heads per block.</summary>
    public int Heads { get; init; } = 4;

    /// <summary>Hidden width of the MLPs.</summary>
    public int Hidden { get; init; } = 256;

    /// <summary>Pixels per side of a patch; divides <see cref="Scene.Width"/>.</summary>
    public int Patch { get; init; } = 8;

    /// <summary>Steps of the optimiser. Every step sees new scenes.</summary>
    public int Steps { get; init; } = 4000;

    /// <summary>Scenes per step.</summary>
    public int BatchSize { get; init; } = 64;

    /// <summary>The highest learning rate of the blocks' matrices (Muon), after the warm-up; from there it falls to zero along half a cosine.</summary>
    public double MatrixLearningRate { get; init; } = 0.02;

    /// <summary>The highest learning rate of all other weights (AdamW), on the same schedule.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>Steps in which the learning rates rise from zero.</summary>
    public int WarmUp { get; init; } = 100;

    /// <summary>Decay of the blocks' matrices.</summary>
    public double WeightDecay { get; init; } = 0.05;

    /// <summary>The norm to which longer gradients are cut.</summary>
    public double GradientNorm { get; init; } = 1;

    /// <summary>
    /// Weight of the patch task beside the classification: every patch token names the shape, colour, texture and mark of what its patch
    /// shows. It makes small models learn several times faster; its head is thrown away afterwards. 0 leaves it out.
    /// </summary>
    public double PatchTask { get; init; } = 1;

    /// <summary>
    /// The share of the probability to learn that belongs to the shapes of the unmarked objects, in equal parts; below one half, so that
    /// the marked object's shape stays the answer. It makes the model say what else is there, as classifiers of photographs do: a picture
    /// holds evidence for several classes, and a heatmap has to tell them apart.
    /// </summary>
    public double OthersShare { get; init; } = 0.3;

    /// <summary>Seed of the initial weights.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>Parts into which a batch is split, one thread each. Part of the recipe: the parts' gradients are added in their order.</summary>
    public int Shards { get; init; } = 2;

    /// <summary>Held-out scenes on which the accuracy is measured at the end.</summary>
    public int HeldOut { get; init; } = 5000;

    /// <summary>Patches per side of the picture.</summary>
    public int Grid => Scene.Width / Patch;

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
    /// <exception cref="Prisma.Core.OptionsException">Some option is out of range or does not fit another.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (Layers < 1 || Steps < 1 || BatchSize < 1 || HeldOut < 1) faults.Add("Layers, Steps, BatchSize and HeldOut are at least 1");
        if (Heads < 1 || Width < 4 || Width % Heads != 0 || Width % 4 != 0) faults.Add($"Width {Width} is a multiple of 4 and of Heads {Heads}");
        if (Patch < 1 || Scene.Width % Patch != 0) faults.Add($"Patch {Patch} divides {Scene.Width}");
        if (Shards < 1 || BatchSize % Shards != 0) faults.Add($"Shards {Shards} divides BatchSize {BatchSize}");
        if (WarmUp < 0 || LearningRate <= 0 || MatrixLearningRate <= 0 || WeightDecay < 0 || GradientNorm <= 0 || PatchTask < 0)
            faults.Add("The learning rates and GradientNorm are above 0; WarmUp, WeightDecay and PatchTask are not below");
        if (OthersShare is not (>= 0 and < 0.5)) faults.Add($"OthersShare {OthersShare} is at least 0 and below 0.5");
        if (faults.Count > 0) throw new Core.OptionsException($"The demo ViT's options do not hold: {string.Join("; ", faults)}.");
    }
}
