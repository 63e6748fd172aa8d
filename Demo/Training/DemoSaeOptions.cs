using Prisma.Sae;

namespace Prisma.Demo;

/// <summary>How the demo's sparse autoencoder is trained. The defaults are the committed weights' recipe.</summary>
public sealed record DemoSaeOptions
{
    /// <summary>The block after which the residual stream is read.</summary>
    public int Layer { get; init; } = 4;

    /// <summary>Number of features.</summary>
    public int Features { get; init; } = 1024;

    /// <summary>Features that are active on each token.</summary>
    public int K { get; init; } = 16;

    /// <summary>Steps of the optimiser, 1,024 tokens each.</summary>
    public int Steps { get; init; } = 1000;

    /// <summary>Training scenes whose tokens are held in memory.</summary>
    public int TrainingScenes { get; init; } = 6000;

    /// <summary>Held-out scenes on which it is measured.</summary>
    public int HeldOut { get; init; } = 1000;

    /// <summary>Seed of the initial weights and of the order of the data.</summary>
    public long Seed { get; init; } = 1;

    internal string Subject { get; init; } = "the demo's ViT";

    internal string TokensRead { get; init; } = "class token and patches";

    internal string Examples { get; init; } = "scenes";

    internal string Verb { get; init; } = "demo train sae";

    internal int Pixels { get; init; } = Scene.Width;

    internal RunOptions Run => new() { Steps = Steps, BatchRows = 1024, Seed = Seed, LogEvery = 100 };

    // TopK as Gao et al. 2024 train it: unit decoder rows, and features that were silent for 100,000 tokens learn the error.
    internal CoderSettings Settings => new()
    {
        Architecture = "topk",
        Options = new TopKOptions { K = K, Reconstruction = ReconstructionLoss.Fvu },
        Optimizer = new OptimizerOptions { LearningRate = 1e-3 },
        Schedule = new ScheduleOptions { WarmUp = 100, Decay = Steps / 5 },
        Dead = new DeadOptions { After = 100_000 },
        Update = ["loss", "project(1e-8)", "clip(1)", "step", "unit_decoder(1e-8)"],
    };
}
