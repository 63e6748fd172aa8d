using Prisma.Core;

namespace Prisma.Demo;

/// <summary>How the demo's text-to-image model is built and trained. The defaults are the committed weights' recipe.</summary>
public sealed record DemoPainterOptions
{
    /// <summary>Channels of the U-net's three levels.</summary>
    public IReadOnlyList<int> Channels { get; init; } = [24, 48, 96];

    /// <summary>Channels of the autoencoder's three levels.</summary>
    public IReadOnlyList<int> VaeChannels { get; init; } = [16, 32, 48];

    /// <summary>Widths of the two text encoders.</summary>
    public IReadOnlyList<int> TextWidths { get; init; } = [48, 64];

    /// <summary>Steps of the autoencoder.</summary>
    public int VaeSteps { get; init; } = 700;

    /// <summary>Steps of the U-net with its text encoders.</summary>
    public int Steps { get; init; } = 7000;

    /// <summary>Pictures per step.</summary>
    public int BatchSize { get; init; } = 24;

    /// <summary>Different pictures that the U-net learns from; each is seen many times under fresh noise.</summary>
    public int Pictures { get; init; } = 6000;

    /// <summary>The share of captions that are left out altogether, for guidance.</summary>
    public double NoCaption { get; init; } = 0.1;

    /// <summary>Steps in which pictures are painted; three quarters of the training are at just these times.</summary>
    public int PaintingSteps { get; init; } = 4;

    /// <summary>The highest learning rate of the transformers' matrices (Muon).</summary>
    public double MatrixLearningRate { get; init; } = 0.015;

    /// <summary>The highest learning rate of all other weights (AdamW).</summary>
    public double LearningRate { get; init; } = 2e-3;

    /// <summary>Seed of the initial weights and of the noise.</summary>
    public long Seed { get; init; } = 1;

    internal TrainingRecipe VaeRecipe => Recipe with { Steps = VaeSteps, BatchSize = 16 };

    internal TrainingRecipe Recipe => new()
    {
        Steps = Steps,
        BatchSize = BatchSize,
        Shards = 1,
        WarmUp = 50,
        MatrixLearningRate = MatrixLearningRate,
        LearningRate = LearningRate,
        WeightDecay = 0.01,
        GradientNorm = 1,
    };

    /// <summary>Reports every fault at once.</summary>
    /// <exception cref="OptionsException">Some option is out of range.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (Channels.Count != 3 || VaeChannels.Count != 3 || TextWidths.Count != 2) faults.Add("Channels and VaeChannels have three levels, TextWidths two");
        if (Channels.Concat(VaeChannels).Any(width => width < 1 || width % PainterFiles.Groups != 0)) faults.Add($"channels are multiples of {PainterFiles.Groups}");
        if (Channels.Concat(TextWidths).Any(width => width % PainterFiles.HeadWidth != 0)) faults.Add($"the U-net's channels and the texts' widths are multiples of {PainterFiles.HeadWidth}");
        if (VaeSteps < 1 || Steps < 1 || BatchSize < 1 || Pictures < 1 || PaintingSteps < 1) faults.Add("steps, BatchSize and Pictures are at least 1");
        if (NoCaption is not (>= 0 and < 1)) faults.Add("NoCaption lies from 0 to below 1");
        if (LearningRate <= 0 || MatrixLearningRate <= 0) faults.Add("learning rates are above 0");
        if (faults.Count > 0) throw new OptionsException($"The demo painter's options do not hold: {string.Join("; ", faults)}.");
    }
}
