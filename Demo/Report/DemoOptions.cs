using Prisma.Core;

namespace Prisma.Demo;

/// <summary>How much the demo does; the defaults take about a minute on two slow cores.</summary>
public sealed record DemoOptions
{
    /// <summary>Scenes on which the heatmap method is chosen.</summary>
    public int Choosing { get; init; } = 32;

    /// <summary>Other scenes on which methods are scored.</summary>
    public int Scoring { get; init; } = 200;

    /// <summary>Held-out scenes on which the accuracy is measured and features are matched with what is drawn.</summary>
    public int HeldOut { get; init; } = 1000;

    /// <summary>Steps of integrated gradients.</summary>
    public int Steps { get; init; } = 16;

    /// <summary>Whether every method is scored on all scenes, not only the best one and those that cost a pass or two.</summary>
    public bool EveryMethod { get; init; }

    /// <summary>Reports every fault at once.</summary>
    /// <exception cref="OptionsException">Some option is out of range.</exception>
    public void Validate()
    {
        if (Choosing < 1 || Scoring < 1 || HeldOut < 100 || Steps < 1)
            throw new OptionsException("The demo needs at least 1 scene to choose on, 1 to score, 100 held-out ones and 1 step.");
    }
}
