using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>How a tuned lens is trained.</summary>
public sealed record TunedLensOptions
{
    /// <summary>Steps of Adam; the published recipe takes 250.</summary>
    public int Steps { get; init; } = 250;

    /// <summary>The learning rate at the start; it falls to 0 along a straight line.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>Tokens of a step.</summary>
    public int Batch { get; init; } = 256;

    /// <summary>Train on all patches too, not on the token that the head reads alone.</summary>
    public bool AllTokens { get; init; }

    /// <summary>Class directions [C, e] for models that end in a joint embedding; without them such models are fitted by cosine. Borrowed.</summary>
    public Tensor? Directions { get; init; }

    /// <summary>What similarities with <see cref="Directions"/> are multiplied by.</summary>
    public double LogitScale { get; init; } = 100;

    /// <summary>Of the order of tokens.</summary>
    public long Seed { get; init; }

    /// <summary>Refuses impossible values.</summary>
    /// <exception cref="OptionsException">Some are.</exception>
    public void Check()
    {
        if (Steps < 1 || Batch < 1 || !(LearningRate > 0)) throw new OptionsException($"Tuned lens: steps {Steps}, batch {Batch}, learning rate {LearningRate}; all must be positive.");
    }
}
