using Prisma.Sae;

namespace Prisma.Demo;

/// <summary>How the painter's sparse autoencoders are trained. The defaults are the committed weights' recipe.</summary>
public sealed record PainterSaeOptions
{
    /// <summary>Features of each.</summary>
    public int Features { get; init; } = 96;

    /// <summary>Features that each cell keeps.</summary>
    public int K { get; init; } = 4;

    /// <summary>Training steps of 1,024 cells.</summary>
    public int Steps { get; init; } = 1200;

    /// <summary>Pictures painted for training; every cell of every step counts.</summary>
    public int Pictures { get; init; } = 1500;

    /// <summary>Pictures painted to measure.</summary>
    public int HeldOut { get; init; } = 200;

    /// <summary>The highest learning rate.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>Cells per step.</summary>
    public int BatchRows { get; init; } = 1024;

    /// <summary>Steps in which a picture is painted.</summary>
    public int PaintingSteps { get; init; } = 4;

    /// <summary>Seed of pictures, start and order.</summary>
    public long Seed { get; init; } = 1;

    internal RunOptions Run => new() { Steps = Steps, BatchRows = BatchRows, Seed = Seed, LogEvery = 200 };

    // sdxl-unbox's loss with a quicker recipe: these coders see far fewer vectors.
    internal CoderSettings Settings => new()
    {
        Architecture = "topk",
        Options = new TopKOptions { K = K, Reconstruction = ReconstructionLoss.Fvu },
        Optimizer = new OptimizerOptions { LearningRate = LearningRate },
        Schedule = new ScheduleOptions { WarmUp = 100, Decay = Steps / 4 },
        Dead = new DeadOptions { After = 50_000 },
        Update = ["loss", "project(1e-8)", "clip(1)", "step", "unit_decoder(1e-8)"],
    };
}
