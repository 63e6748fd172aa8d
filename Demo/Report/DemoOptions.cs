using Prisma.Core;

namespace Prisma.Demo;

/// <summary>How much the demo does; the defaults take about a minute on two slow cores.</summary>
public sealed record DemoOptions
{
    /// <summary>Scenes on which the heatmap method is chosen.</summary>
    public int Choosing { get; init; } = 40;

    /// <summary>How many of them the model gets wrong.</summary>
    public int ChoosingWrong { get; init; } = 4;

    /// <summary>Other scenes on which methods are scored.</summary>
    public int Scoring { get; init; } = 200;

    /// <summary>How many of them the model gets wrong.</summary>
    public int ScoringWrong { get; init; } = 20;

    /// <summary>Held-out scenes on which the accuracy is measured and features are matched with what is drawn.</summary>
    public int HeldOut { get; init; } = 1000;

    /// <summary>Steps of integrated gradients.</summary>
    public int Steps { get; init; } = 8;

    /// <summary>Noisy copies of SmoothGrad.</summary>
    public int Samples { get; init; } = 8;

    /// <summary>Methods that take more passes than this for a picture stay out of the contest.</summary>
    public int MostPasses { get; init; } = 3;

    /// <summary>The methods that take part; null: all that apply.</summary>
    public IReadOnlyList<string>? Methods { get; init; }

    /// <summary>Whether every method that takes part is scored on all scenes, not only the best one and a few for comparison.</summary>
    public bool EveryMethod { get; init; }

    /// <summary>Whether methods are also scored by what the model answers without the patches that they name; takes hundreds of passes for each question.</summary>
    public bool Faithful { get; init; }

    /// <summary>Reports every fault at once.</summary>
    /// <exception cref="OptionsException">Some option is out of range.</exception>
    public void Validate()
    {
        if (Choosing < 1 || Scoring < 1 || HeldOut < 100 || Steps < 1 || Samples < 1)
            throw new OptionsException("The demo needs at least 1 scene to choose on, 1 to score, 100 held-out ones, 1 step and 1 sample.");
        if (ChoosingWrong < 0 || ChoosingWrong >= Choosing || ScoringWrong < 0 || ScoringWrong >= Scoring)
            throw new OptionsException($"Of {Choosing} scenes to choose on {ChoosingWrong} and of {Scoring} to score on {ScoringWrong} were asked to be misclassified; at least one of each must be classified rightly.");
    }
}
