using Prisma.Core;

namespace Prisma.Demo;

/// <summary>How large the study of all heatmap methods is; the defaults take about eight minutes on two slow cores.</summary>
public sealed record AttributionStudyOptions
{
    /// <summary>Scenes on which methods are scored, as they come.</summary>
    public int Scenes { get; init; } = 500;

    /// <summary>Other scenes on which the best method is chosen.</summary>
    public int Choosing { get; init; } = 60;

    /// <summary>Scenes of the randomisation check.</summary>
    public int Randomised { get; init; } = 8;

    /// <summary>Methods that take more passes for a picture are scored, but not chosen.</summary>
    public int MostPasses { get; init; } = 60;

    /// <summary>Steps of integrated gradients.</summary>
    public int Steps { get; init; } = 16;

    /// <summary>Random copies for a picture, of methods whose own number is higher.</summary>
    public int MostSamples { get; init; } = 100;

    /// <summary>Reports every fault at once.</summary>
    /// <exception cref="OptionsException">Some option is out of range.</exception>
    public void Validate()
    {
        if (Scenes < 2 || Choosing < 2 || Randomised < 2 || Steps < 1 || MostSamples < 2)
            throw new OptionsException("The study needs at least 2 scenes to score on, 2 to choose on, 2 for the randomisation check, 1 step and 2 samples.");
    }
}
